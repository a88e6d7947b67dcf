package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// result is one measured line.
type result struct {
	row, what string
	figure    string  // with its unit
	floor     string  // what it is held against, measured in the same run; or nothing
	ratio     float64 // to the floor; 0: there is none
	target    string
	verdict   verdict
}

type verdict int

const (
	noTarget verdict = iota
	met
	missed
)

// String is what the table says; nothing where there is no target.
func (v verdict) String() string { return [...]string{"", "met", "NOT MET"}[v] }

func judge(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

func (r result) cells() []string {
	ratio := ""
	if r.ratio > 0 {
		ratio = fmt.Sprintf("%.2f×", r.ratio)
	}
	return []string{r.row, r.what, r.figure, r.floor, ratio, r.target, r.verdict.String()}
}

// line is the result as a line for people.
func (r result) line() string {
	c := r.cells()
	out := fmt.Sprintf("%-9s %s: %s", c[0], c[1], c[2])
	if c[3] != "" {
		out += "; " + c[3]
	}
	if c[4] != "" {
		out += "; " + c[4]
	}
	if c[5] != "" {
		out += "; target " + c[5] + ": " + c[6]
	}
	return out
}

// table is all results in Markdown.
func table(rs []result) string {
	var b strings.Builder
	b.WriteString("| row | what | figure | held against | ratio | target | |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rs {
		b.WriteString("| " + strings.Join(r.cells(), " | ") + " |\n")
	}
	return b.String()
}

// percentile of values in any order, which it sorts; p from 0 to 100. NaN when
// there are none.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	rank := int(math.Ceil(p/100*float64(len(values)))) - 1
	return values[min(max(rank, 0), len(values)-1)]
}

func median(values []float64) float64 { return percentile(values, 50) }

// perMB is CPU time in µs for each 10^6 bytes.
func perMB(cpu time.Duration, bytes uint64) float64 {
	return float64(cpu.Microseconds()) / (float64(bytes) / 1e6)
}

func kb(bytes float64) string { return fmt.Sprintf("%.1f KB", bytes/1000) }
func mb(bytes float64) string { return fmt.Sprintf("%.1f MB", bytes/1e6) }
