package main

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// panel is one diagram. Both axes are logarithmic: what grows in proportion is
// a straight line, rising by a decade in a decade, and what is constant a level
// one.
type panel struct {
	title, x, y string
	lines       []curve
}

// curve is one line of it; its points are in the order of x, and above 0.
type curve struct {
	name string
	x, y []float64
}

// Sizes in px, and colours that can be told apart on white, on black, and by
// those who see no red or green.
const (
	panelWidth, panelHeight        = 440, 300
	padLeft, padRight, padTop, low = 62, 16, 44, 48
	labelRoom                      = 40 // of a number under an axis
	ink, faint                     = "#808080", "#80808055"
)

var colours = []string{"#2f81d6", "#e0802b", "#2aa187"}

// svg draws panels in two columns.
func svg(panels []panel) string {
	var b strings.Builder
	rows := (len(panels) + 1) / 2
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="%s">`+"\n",
		2*panelWidth, rows*panelHeight, ink)
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%2*panelWidth, i/2*panelHeight)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p panel) draw(b *strings.Builder) {
	left, right, top, bottom := float64(padLeft), float64(panelWidth-padRight), float64(padTop), float64(panelHeight-low)
	least, most := math.Inf(1), math.Inf(-1)
	lowest, highest := math.Inf(1), math.Inf(-1)
	marks := map[float64]bool{}
	for _, c := range p.lines {
		for i := range c.x {
			least, most = min(least, c.x[i]), max(most, c.x[i])
			lowest, highest = min(lowest, c.y[i]), max(highest, c.y[i])
			marks[c.x[i]] = true
		}
	}
	ticks := decades(lowest, highest)
	px := func(x float64) float64 { return left + (right-left)*share(x, least, most) }
	py := func(y float64) float64 { return bottom - (bottom-top)*share(y, ticks[0], ticks[len(ticks)-1]) }

	text := func(x, y float64, anchor, more, s string) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, more, html.EscapeString(s))
	}
	text(left, 18, "start", ` font-weight="bold"`, p.title)
	text((left+right)/2, panelHeight-10, "middle", "", p.x)
	text(14, (top+bottom)/2, "middle", fmt.Sprintf(` transform="rotate(-90 14 %.1f)"`, (top+bottom)/2), p.y)
	for _, y := range ticks {
		fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1f" stroke="%s"/>`+"\n", left, py(y), right, faint)
		text(left-6, py(y)+4, "end", "", short(y))
	}
	at := slices.Sorted(maps.Keys(marks))
	for i, x := range at {
		fmt.Fprintf(b, `<path d="M%.1f %.1fv5" stroke="%s"/>`+"\n", px(x), bottom, ink)
		// A number that would touch the next one is left out.
		if i == len(at)-1 || px(at[i+1])-px(x) >= labelRoom {
			text(px(x), bottom+18, "middle", "", short(x))
		}
	}
	fmt.Fprintf(b, `<path d="M%.1f %.1fV%.1fH%.1f" fill="none" stroke="%s"/>`+"\n", left, top, bottom, right, ink)
	for i, c := range p.lines {
		colour := colours[i%len(colours)]
		var path strings.Builder
		for k := range c.x {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(k, 1)], px(c.x[k]), py(c.y[k]))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px(c.x[k]), py(c.y[k]), colour)
		}
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), colour)
		if len(p.lines) > 1 {
			fmt.Fprintf(b, `<path d="M%.1f 32h18" stroke="%s" stroke-width="2"/>`+"\n", left+float64(i)*130, colour)
			text(left+24+float64(i)*130, 36, "start", "", c.name)
		}
	}
}

// share says where v is between least and most, on a scale of proportions.
func share(v, least, most float64) float64 {
	if most <= least {
		return 0.5
	}
	return math.Log(v/least) / math.Log(most/least)
}

// decades are 1, 2 and 5 times the powers of ten around all values.
func decades(lowest, highest float64) []float64 {
	var out []float64
	for power := math.Pow(10, math.Floor(math.Log10(lowest))); ; power *= 10 {
		for _, m := range []float64{1, 2, 5} {
			tick := m * power
			if tick <= lowest*1.0001 {
				out = out[:0] // the next below them all is enough
			}
			out = append(out, tick)
			if tick >= highest*0.9999 {
				return out
			}
		}
	}
}

func short(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
