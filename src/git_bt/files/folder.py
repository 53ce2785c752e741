"""A plain folder, outside git or inside; its bytes are taken as they lie there."""

import os
from collections.abc import Iterable
from pathlib import Path

from git_bt.files.digests import Digests
from git_bt.files.view import Raw, View, is_utf8, raw_on_disk
from git_bt.model import Notice

GIT = ".git"


class Folder(View):
    """A plain folder; nothing is listed before somebody asks, it may be a whole disk."""

    def __init__(self, place: Path) -> None:
        super().__init__(place, in_git=False, digests=Digests(None), on_disk=True)
        self._place = place

    def _raw(self, path: str) -> Raw | None:
        if GIT in path.split("/"):
            return None
        return raw_on_disk(self._place / path)

    def _has_folder(self, path: str) -> bool:
        return os.path.isdir(self._place / path)  # noqa: PTH112  pathlib raises at a long name

    def _below(self, folder: str) -> Iterable[str]:
        found: list[str] = []
        if GIT in folder.split("/"):
            return found
        for where, folders, names in os.walk(self._place / folder):
            folders[:] = [name for name in folders if name != GIT]
            links = [name for name in folders if (Path(where) / name).is_symlink()]
            for name in [*names, *links]:
                path = (Path(where) / name).relative_to(self._place).as_posix()
                if not is_utf8(path):
                    message = f"left out: {os.fsencode(path)!r} is not UTF-8"
                    self.notices.append(Notice(kind="path_not_utf8", message=message))
                elif self._raw(path) is not None:
                    found.append(path)
        return sorted(found)

    def _link_text(self, path: str, raw: Raw) -> str:
        return str((self._place / path).readlink())

    def _load(self, wanted: dict[str, Raw]) -> None:
        for path, raw in wanted.items():
            self._load_as_it_is(path, self._place / path, raw.mode)
