package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"flashpod.dev/flashpod/mediaserver/web"
)

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func printTable(w io.Writer, all []web.Recording) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tNAME\tLENGTH\tSIZE\tMODIFIED")
	for _, r := range all {
		when := r.Modified.Local().Format(time.DateTime)
		if r.Recording {
			when = "being recorded"
		}
		fmt.Fprintf(t, "%s/%s\t%s\t%s\t%s\t%s\n", r.Application, r.Instance, harmless(r.Name), humanLength(r.Seconds), humanSize(r.Bytes), when)
	}
	return t.Flush()
}

func printOne(w io.Writer, r web.Recording) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "name\t%s\ninstance\t%s/%s\nlength\t%s\nsize\t%s (%d bytes)\nmodified\t%s\n",
		harmless(r.Name), r.Application, r.Instance, humanLength(r.Seconds), humanSize(r.Bytes), r.Bytes, r.Modified.Local().Format(time.DateTime))
	if r.Recording {
		fmt.Fprintln(t, "state\tbeing recorded")
	}
	return t.Flush()
}

// harmless leaves nothing in a name that a terminal would obey.
func harmless(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}

func humanLength(seconds *float64) string {
	if seconds == nil {
		return "unknown"
	}
	d := time.Duration(*seconds * float64(time.Second)).Round(100 * time.Millisecond)
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
}

func humanSize(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/unit, 0
	for ; v >= unit && i < 4; i++ {
		v /= unit
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[i])
}
