//go:build clients

package links

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// figures are what clients have lost, as lines of tables.
var figures struct {
	mu    sync.Mutex
	lines []string
}

// figuresFile names the file that they are added to.
const figuresFile = "FLASHPOD_LINKS_FIGURES"

// loss is what a viewer has lost in a while.
type loss struct {
	pictures int           // that have come
	missing  time.Duration // of media that never came
	groups   int           // gaps in it
	silence  time.Duration // the longest in which nothing came
	late     time.Duration // how long after its publication the latest picture came, at most
	said     []string
}

// lost judges what a viewer has seen behind its first pictures and statuses; wrong is what
// may never be: pictures out of order, twice, or without the keyframe that they need.
func (c *client) lost(statuses, pictures int) (l loss, wrong []string) {
	l.said = c.said(statuses)
	all := c.saw(max(0, pictures-1)) // gaps begin behind one that has come
	for i, one := range all {
		l.late = max(l.late, one.behind)
		if i == 0 {
			continue
		}
		before := all[i-1]
		l.pictures++
		l.silence = max(l.silence, one.at.Sub(before.at))
		switch gap := one.n - before.n - 1; {
		case gap < 0 && one.after > before.after && one.key: // it begins anew, and was told so
		case gap < 0:
			wrong = append(wrong, fmt.Sprintf("picture %d comes behind %d", one.n, before.n))
		case gap > 0:
			l.missing += time.Duration(gap) * frame
			l.groups++
			if !one.key {
				wrong = append(wrong, fmt.Sprintf("picture %d, which is no keyframe, comes behind %d", one.n, before.n))
			}
		}
	}
	return l, wrong
}

// tells has the figures of a viewer told, and fails the test where what it has seen is
// wrong.
func (c *client) tells(of string, statuses, pictures int) loss {
	c.t.Helper()
	l, wrong := c.lost(statuses, pictures)
	for _, one := range wrong {
		c.t.Errorf("%s: %s", c.name, one)
	}
	figure(of, c.name, fmt.Sprintf("%s in %d gaps", ms(l.missing), l.groups), ms(l.silence), ms(l.late), said(l.said))
	return l
}

// tellsOnly has told what one that does not play was told.
func (c *client) tellsOnly(of string, statuses int) []string {
	all := c.said(statuses)
	figure(of, c.name, "", "", "", said(all))
	return all
}

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

func said(all []string) string {
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

func figure(cells ...string) {
	figures.mu.Lock()
	defer figures.mu.Unlock()
	figures.lines = append(figures.lines, "| "+strings.Join(cells, " | ")+" |")
}

// writeFigures adds them to the file that is named for them.
func writeFigures() error {
	path := os.Getenv(figuresFile)
	if path == "" {
		return nil
	}
	slices.Sort(figures.lines)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	head := "| failure | who | media that never came | longest silence | latest picture | was told |\n|---|---|---|---|---|---|\n"
	_, err = f.WriteString(head + strings.Join(figures.lines, "\n") + "\n")
	return err
}
