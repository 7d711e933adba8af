# SPDX-License-Identifier: Apache-2.0
# How every picture looks. Its own script sets `name` before.
set terminal svg size 760,480 dynamic font 'Helvetica,Arial,sans-serif,14' \
  background rgb 'white'
set output folder.'/'.name.'.svg'
set datafile separator "\t"
set datafile missing '?'
set logscale xy
set border 3 linecolor rgb '#888888'
set tics nomirror out scale 0.5 textcolor rgb '#444444'
set grid ytics linecolor rgb '#e4e4e4' linetype 1 linewidth 1
set title offset 0,0.3 font ',16'
unset key
set lmargin 11
set rmargin 20
set tmargin 3

# Ours stands out, the rest stands back.
ours = '#c2410c'
other = '#64748b'
bound = '#111111'

# Lines are named where they end, from below. Names that would meet make room
# for each other: each stands at least so many times above the one before.
apart = 0.045
# Ranges are set last: data outside of them would have no end.
lowest = 0
above(y) = (lowest = (y > lowest ? y : lowest), at = lowest, \
            lowest = at * (top / bottom) ** apart, at)
