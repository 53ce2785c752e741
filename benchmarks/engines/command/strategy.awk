# A cross of two averages: awk -F, -v out=FOLDER -f strategy.awk TAPE
BEGIN { file = out "/fills.csv"; print "date,symbol,side,price,quantity" > file }
NR == 1 { next }
{
    close_[++n] = $5
    fast = slow = 0
    for (i = n; i > n - 20 && i > 0; i--) { slow += close_[i]; if (i > n - 10) fast += close_[i] }
    up = n >= 20 && fast / 10 > slow / 20
    if (up != was) print $1 ",GOOG," (up ? "buy" : "sell") "," $5 ",10" > file
    was = up
}
