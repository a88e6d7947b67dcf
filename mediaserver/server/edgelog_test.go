package server

import (
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// The log of an origin says of clients of edges what it says of its own: who came from where,
// by which edge, what was published and played, and who left; and who was not let in.
func TestLogOfClientsOfEdges(t *testing.T) {
	t.Parallel()
	var log, atEdge servertest.Log
	key := filepath.Join(t.TempDir(), "link.key")
	of, _ := runWith(t, Config{LinkKeyFile: key, Log: log.Logger(slog.LevelInfo)}, open)
	e, _ := runWith(t, Config{EdgeOf: of.RTMPAddr().String(), LinkKeyFile: key, Log: atEdge.Logger(slog.LevelInfo)})
	p := connect(t, e, "app/one").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	p.on(2, "play", "cam")
	p.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	p.on(1, "closeStream")
	p.Until("onStatus NetStream.Unpublish.Success")
	p.conn.Close()
	var who string // as the edge has it
	for line := range strings.Lines(atEdge.String()) {
		if strings.Contains(line, "msg=connected ") {
			who = regexp.MustCompile("client=[^ ]+ address=[^ ]+").FindString(line)
		}
	}
	if who == "" {
		t.Fatal("the edge's own log has no client")
	}
	connect(t, e, "none/one").expect("_error NetConnection.Connect.InvalidApp", "close []", "end")

	for _, want := range [][]string{
		{"connected", who, "application=app", "instance=one", "agent="},
		{"publishing", who, "stream=cam", "mode=live"},
		{"playing", who, "stream=cam", "recorded=false"},
		{"unpublished", who, "stream=cam"},
		{"disconnected", who, "seconds=", "received=", "sent="},
		{`"connect refused"`, "application=none", "instance=one", "reason="},
	} {
		servertest.Eventually(t, "the log has "+strings.Join(want, " "), func() bool {
			n := 0
			for line := range strings.Lines(log.String()) {
				has := strings.Contains(line, "msg="+want[0]+" ") && strings.Contains(line, "client=") && strings.Contains(line, "edge=") && strings.Contains(line, "edgeAddress=127.0.0.1:")
				for _, one := range want[1:] {
					has = has && strings.Contains(line, one)
				}
				if has {
					n++
				}
			}
			return n == 1
		})
	}
}
