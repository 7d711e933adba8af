# SPDX-License-Identifier: Apache-2.0
# gnuplot -e "folder='build/bench'" bench/balance.gp
name = 'balance'
load 'bench/style.gp'
data = folder.'/balance.tsv'

set title 'How much more than its share the fullest of equal nodes has'
set xlabel "points a node, and the memory that they take" offset 0,-1
set ylabel 'above the mean'
set bmargin 5.5
bottom = 0.02
top = 2.0
set xtics ("10\n170 B" 10, "20\n340 B" 20, "40\n680 B" 40, "80\n1.4 kB" 80, \
           "160\n2.7 kB" 160, "320\n5.4 kB" 320, '' 640, "1000\n17 kB" 1000)
set ytics ('2 %%' .02, '5 %%' .05, '10 %%' .1, '20 %%' .2, '50 %%' .5, \
           '100 %%' 1, '200 %%' 2)

array label[4] = ['10 nodes', '100 nodes', '1,000 nodes', '10,000 nodes']
stats data using 1 skip 1 nooutput
do for [i = 1:4] {
  stats data using ($1 == STATS_max ? column(i + 1) : NaN) skip 1 nooutput \
    name 'END'
  set label label[i] at graph 1.015, first above(END_max) textcolor rgb other
}

set xrange [9:1100]
set yrange [bottom:top]
plot for [i = 1:4] data using 1:(column(i + 1)) skip 1 with linespoints \
  pointtype 7 pointsize 0.5 linewidth 2 linecolor rgb ours
