package server

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// A client that asks again and again for recordings under names that are none fills
// the log no more than any other: the lines are about its address, and no errors
// of the server's own.
func TestNamesThatCannotBeRecordedAreNoErrors(t *testing.T) {
	t.Parallel()
	var out servertest.Log
	lines := logs.New(&out, logs.Options{JSON: true})
	s, stop := runWith(t, Config{Log: slog.New(lines.Handler())}, open)
	c := connect(t, s, "app/one").hello()
	began := time.Now()
	for n := range 600 {
		c.on(1, "publish", fmt.Sprintf("no:file%d", n), "record")
		c.Until("onStatus NetStream.Record.NoAccess")
	}
	most := 150 + 25*int(time.Since(began).Seconds()) // a hundred, and 20 a second
	c.conn.Close()
	stop()
	lines.Close(time.Minute)
	about := 0
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "recording did not start") {
			about++
			if strings.Contains(line, `"level":"ERROR"`) || !strings.Contains(line, `"address":"127.0.0.1`) {
				t.Errorf("of no address, or an error: %s", line)
				break
			}
		}
	}
	if about > most {
		t.Errorf("%d lines are about the same", about)
	}
}
