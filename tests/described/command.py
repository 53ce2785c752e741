"""command: a shell script around awk."""

from contract import EXITS, LOOPS, PEEKS, PRINTS, RAISES, RANDOM, TRADES, Described
from described.python import BY_HAND

TEMPLATE = """\
quantity=10
{body}
last=$(tail -n 1 "$1" | cut -d, -f1)
awk -F, -v quantity="$quantity" -v out="$2" -v end="$(date -ud "$last" +%s)" '
BEGIN { fills = out "/fills.csv"; print "date,symbol,side,price,quantity" > fills }
NR > 1 && NR % 3 == 1 { print $1 ",GOOG," (NR % 2 ? "sell" : "buy") "," $5 "," quantity > fills }
END { last = "{\\"last_ts_ns\\":" end "000000000}"
      print "{\\"symbols\\":{\\"GOOG\\":" last "}}" > (out "/summary.json") }
' "$1"
"""
BODIES = {
    TRADES: "",
    RAISES: "echo 'boom, as told' >&2; exit 1",
    LOOPS: "while :; do :; done",
    PRINTS: "echo a line of many",
    EXITS: "exit 0",
    RANDOM: "quantity=$(od -An -N2 -tu2 /dev/urandom); quantity=$((quantity + 1))",
    PEEKS: "quantity=$(tail -n 1 '@TAPE@' | cut -d, -f5 | cut -c1-2)",
}

DESCRIBED = Described(
    engine="command",
    texts={kind: TEMPLATE.replace("{body}", body) for kind, body in BODIES.items()},
    more='command: [/bin/sh, strategy.sh, "{tape}", "{out}"]\n',
    entry_point="strategy.sh",
    wrong_config=None,
    is_installed=False,
    **BY_HAND,
)
