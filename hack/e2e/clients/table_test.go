//go:build clients

package clients

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write CLIENTS.md from what ran")

// What the table asks of every client.
const (
	publishLive = iota
	recorded
	publishRecord
	playLive
	playRecorded
	playFrom
	publishTLS
	playTLS
	columns
)

var questions = [columns]string{
	"publish live", "is recorded", "publish as `record`", "play live", "play recorded", "play recorded from 2 s", "publish over RTMPS", "play over RTMPS",
}

// row is one client.
type row struct {
	name    string
	version func(*testing.T) string
	cells   [columns]attempt
}

// attempt is how a client does one thing.
type attempt struct {
	// do does it and looks at what came out. A note says what to know about a
	// success; an error says what the client could not do. Nil: the client has
	// no such function.
	do func(*testing.T) (note string, err error)
	// no is a limitation of the client, in the table's words; shows is the part
	// of the error by which it is known. Without them, any error is a fault.
	no, shows string
}

// TestTable runs every client against real servers and compares what they could
// do with the table in the repository.
func TestTable(t *testing.T) {
	b := newBench(t)
	rows := []row{b.ffmpeg(), b.rtmpdump(), b.librtmp(), b.gstreamer(), b.vlc(), b.nginx(t), b.goRTMP()}
	answers := make([][columns]string, len(rows))
	var all sync.WaitGroup
	for i, r := range rows {
		all.Go(func() {
			// A client's attempts run one after another: some look at what the
			// one before has left. The clients run side by side: a film takes
			// its time whatever the machine.
			for question, try := range r.cells {
				t.Run(r.name+"/"+questions[question], func(t *testing.T) { answers[i][question] = try.answer(t) })
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return // the table has no words for it
	}
	for _, cells := range answers {
		if slices.Contains(cells[:], "") {
			t.Log("-run left cells out: the table is not compared")
			return
		}
	}

	const file = "CLIENTS.md"
	want, err := os.ReadFile(file)
	if err != nil && !(*update && errors.Is(err, os.ErrNotExist)) {
		t.Fatal(err)
	}
	got := render(t, rows, answers)
	switch {
	case *update:
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	case unversioned(got) != unversioned(string(want)):
		t.Errorf("%s is not what ran (make clients-table writes it):\n%s", file, got)
	case got != string(want):
		t.Logf("%s was made with other versions of the clients, and holds for these too (make clients-table writes it):\n%s", file, got)
	}
}

func (a attempt) answer(t *testing.T) string {
	if a.do == nil {
		return "no: " + a.no
	}
	note, err := a.do(t)
	switch {
	case err == nil && note != "":
		return "yes: " + note
	case err == nil:
		return "yes"
	case a.shows != "" && strings.Contains(err.Error(), a.shows):
		return "no: " + a.no
	}
	t.Error(err)
	return ""
}

const preface = `# Clients

What each client can do with our server. ` + "`make test-clients`" + ` runs every cell: the client publishes or plays a film of four seconds (H.264
and AAC), and each picture, each packet of sound and the time they take are compared with the film. The test fails when this table
says anything else than what happened; ` + "`make clients-table`" + ` writes it. A "no" is what the client lacks, not what the server refuses.

`

const legend = `
- **version**: those that wrote the table. Other versions that can do the same do not fail the test.
- **publish live**: to a player that waits for the stream. **is recorded**: by the server, in an instance with ` + "`recording: {mode: All}`" + `.
- **publish as ` + "`record`" + `**: the client itself asks the server to record. **play recorded from 2 s**: from the keyframe at or before (to who plays with a start instead of seeking, pictures of before 2 s come at once).
- **librtmp** is what OBS and many encoders publish with; here GStreamer's rtmpsink and rtmpsrc drive it.
- **nginx-rtmp** publishes by ` + "`push`" + ` and plays by ` + "`pull`" + `; what its own players then get is what is compared.
- Not asked here: pausing and seeking while it plays, and other codecs.
`

// render writes the table: a column for each client.
func render(t *testing.T, rows []row, answers [][columns]string) string {
	var out strings.Builder
	out.WriteString(preface)
	out.WriteString("| |")
	for _, r := range rows {
		fmt.Fprintf(&out, " %s |", r.name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(rows)) + "\n")
	out.WriteString("| version |")
	for _, r := range rows {
		fmt.Fprintf(&out, " %s |", r.version(t))
	}
	out.WriteString("\n")
	for question := range columns {
		fmt.Fprintf(&out, "| %s |", questions[question])
		for i := range rows {
			fmt.Fprintf(&out, " %s |", answers[i][question])
		}
		out.WriteString("\n")
	}
	out.WriteString(legend)
	return out.String()
}

// unversioned leaves the versions out: a security fix of a client is no news of
// what it can do.
func unversioned(table string) string {
	lines := slices.Collect(strings.Lines(table))
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| version |") }), "")
}
