# SPDX-License-Identifier: Apache-2.0
# gnuplot -e "folder='build/bench'" bench/change.gp
name = 'change'
load 'bench/style.gp'
data = folder.'/change.tsv'

set title 'To have one node more or less, of 160 points a node'
set xlabel 'nodes'
set ylabel 'time per change'
bottom = 1.0
top = 1e7
set xtics ('10' 10, '100' 100, '1,000' 1000, '10,000' 1e4)
set ytics ('1 us' 1, '10 us' 10, '100 us' 100, '1 ms' 1e3, '10 ms' 1e4, \
           '100 ms' 1e5, '1 s' 1e6, '10 s' 1e7)

array column[5] = [3, 2, 4, 5, 6]
array label[5] = ['trivet, one less', 'trivet, one more', 'trivet anew', \
                  'std::sort anew', 'std::map anew']
array color[5] = [ours, ours, bound, other, other]
stats data using 1 skip 1 nooutput
do for [i = 1:5] {
  stats data using ($1 == STATS_max ? column(column[i]) : NaN) skip 1 \
    nooutput name 'END'
  set label label[i] at graph 1.015, first above(END_max) \
    textcolor rgb color[i]
  set style line i linewidth (i < 3 ? 3 : 1.5) linecolor rgb color[i] \
    pointtype 7 pointsize (i < 3 ? 0.6 : 0.35)
}
set style line 3 dashtype 2

set xrange [9:1.1e4]
set yrange [bottom:top]
plot for [i = 1:5] data using 1:column[i] skip 1 with linespoints linestyle i
