# SPDX-License-Identifier: Apache-2.0
# gnuplot -e "folder='build/bench'" bench/lookup.gp
name = 'lookup'
load 'bench/style.gp'
data = folder.'/lookup.tsv'

set title 'To find the owner of a fresh token'
set xlabel 'points on the ring'
set ylabel 'time per lookup, ns'
bottom = 1
top = 10000
set xtics ('400' 400, '1,600' 1600, '10,000' 1e4, '100,000' 1e5, \
           '1 million' 1e6, '10 million' 1e7)
set ytics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100, \
           '200' 200, '500' 500, '1,000' 1000, '2,000' 2000, '5,000' 5000, \
           '10,000' 1e4)

array column[7] = [3, 2, 4, 7, 8, 6, 5]
array label[7] = ['limit: one cache line', 'trivet', 'sorted vector', 'gRPC', \
                  'ketama', 'Envoy', 'std::map']
array color[7] = [bound, ours, other, other, other, other, other]
stats data using 1 skip 1 nooutput
do for [i = 1:7] {
  stats data using ($1 == STATS_max ? column(column[i]) : NaN) skip 1 \
    nooutput name 'END'
  set label label[i] at graph 1.015, first above(END_max) \
    textcolor rgb color[i]
  set style line i linewidth (i == 2 ? 3 : 1.5) linecolor rgb color[i] \
    pointtype 7 pointsize (i == 2 ? 0.6 : 0.35)
}
set style line 1 dashtype 2

set xrange [300:1.2e7]
set yrange [bottom:top]
plot for [i = 1:7] data using 1:column[i] skip 1 with linespoints linestyle i
