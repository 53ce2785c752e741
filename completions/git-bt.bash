# Completion for `git-bt`, and for `git bt <TAB>` through git's own completion, which calls _git_bt.
#
# The candidates come from git-bt itself, one `type,value` a line. Where it has none (a path, an id)
# bash's own file names follow.

_git_bt_complete() {
    # Arguments: number of the word that stands for git-bt; what to put behind a finished word.
    local first=$1 behind=$2 kind value
    local line="git-bt ${COMP_WORDS[*]:first+1}"
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            plain) COMPREPLY+=("$value$behind") ;;
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
        esac
    done < <(
        _GIT_BT_COMPLETE=bash_complete COMP_WORDS="$line" COMP_CWORD=$((COMP_CWORD - first)) git-bt 2>/dev/null
    )
}

_git_bt() {
    local first
    for ((first = 1; first < COMP_CWORD; first++)); do
        [[ ${COMP_WORDS[first]} == bt ]] && break
    done
    # git registers its completion with nospace: the blank is ours to add.
    _git_bt_complete "$first" " "
}

_git_bt_main() {
    _git_bt_complete 0 ""
}

complete -o bashdefault -o default -F _git_bt_main git-bt
