package main

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"
)

// panel is one diagram: x is logarithmic, y begins at 0.
type panel struct {
	title, x, y string
	lines       []curve
}

// curve is one line of it; its points are in the order of x.
type curve struct {
	name string
	x, y []float64
}

// Sizes in px, and colours that can be told apart on white, on black, and by
// those who see no red or green.
const (
	panelWidth, panelHeight        = 440, 300
	padLeft, padRight, padTop, low = 62, 16, 44, 48
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
	least, most, highest := math.Inf(1), math.Inf(-1), 0.0
	marks := map[float64]bool{}
	for _, c := range p.lines {
		for i := range c.x {
			least, most, highest = min(least, c.x[i]), max(most, c.x[i]), max(highest, c.y[i])
			marks[c.x[i]] = true
		}
	}
	step := niceStep(highest)
	highest = step * math.Ceil(max(highest, step)/step)
	px := func(x float64) float64 {
		if most == least {
			return (left + right) / 2
		}
		return left + (right-left)*(math.Log(x)-math.Log(least))/(math.Log(most)-math.Log(least))
	}
	py := func(y float64) float64 { return bottom - (bottom-top)*y/highest }

	text := func(x, y float64, anchor, more, s string) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, more, html.EscapeString(s))
	}
	text(left, 18, "start", ` font-weight="bold"`, p.title)
	text((left+right)/2, panelHeight-10, "middle", "", p.x)
	text(14, (top+bottom)/2, "middle", fmt.Sprintf(` transform="rotate(-90 14 %.1f)"`, (top+bottom)/2), p.y)
	for y := 0.0; y <= highest*1.001; y += step {
		fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1f" stroke="%s"/>`+"\n", left, py(y), right, faint)
		text(left-6, py(y)+4, "end", "", short(y))
	}
	for _, x := range slices.Sorted(maps.Keys(marks)) {
		fmt.Fprintf(b, `<path d="M%.1f %.1fv5" stroke="%s"/>`+"\n", px(x), bottom, ink)
		text(px(x), bottom+18, "middle", "", short(x))
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

// niceStep is 1, 2 or 5 times a power of ten, about a fifth of the height.
func niceStep(highest float64) float64 {
	if highest <= 0 {
		return 1
	}
	raw := highest / 5
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw*0.999 {
			return m * power
		}
	}
	return 10 * power
}

func short(v float64) string { return fmt.Sprintf("%.4g", v) }
