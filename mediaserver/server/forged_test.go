package server

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

// Strangers put whole lines of log, and whole metrics, into everything that they
// may say. None of them is one, in either format of the log.
func TestForgedLinesAndLabels(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{true, false} {
		var out servertest.Log
		lines := logs.New(&out, logs.Options{JSON: asJSON, Level: slog.LevelDebug})
		s, stop := runWith(t, Config{Log: slog.New(lines.Handler())}, open)
		for _, forged := range []string{
			"x\ntime=2026-01-01T00:00:00Z level=FORGED msg=forged", "x\r\n{\"level\":\"FORGED\",\"msg\":\"forged\"}", "x\" msg=forged level=\"FORGED", "x\",\"msg\":\"forged\",\"x\":\"",
			"x\u2028{\"msg\":\"forged\"}", "x\u0085level=FORGED msg=forged", "x\x1b[2K\x1b[1Gmsg=forged", "x\vmsg=forged", "x\"} 1\nflashpod_forged 1\n# {", "x\\\nflashpod_forged{a=\"b\"} 1",
		} {
			forge(t, s, forged)
		}
		metrics := ""
		if _, metrics = get(t, "http://"+s.HTTPAddr().String()+"/metrics"); strings.Contains(metrics, "forged") {
			t.Errorf("metrics repeat what strangers say:\n%s", metrics)
		}
		stop()
		lines.Close(time.Minute)
		said := out.String()
		if strings.Count(said, "forged") < 40 {
			t.Errorf("little of it is in the log:\n%s", said)
		}
		for line := range strings.Lines(said) {
			checkLine(t, asJSON, line)
		}
	}
}

// forge says something in every place that the log may show.
func forge(t *testing.T, s *Server, forged string) {
	t.Helper()
	c := connect(t, s, forged) // as the name of an application
	c.expect("_error NetConnection.Connect.InvalidApp", "close []", "end")
	c.conn.Close()
	c = connect(t, s, "app/one", "flashVer", forged, "pageUrl", forged, "swfUrl", forged, "capsEx", 1, "fourCcList", amf.NewArray(forged, "avc1"),
		"videoFourCcInfoMap", amf.NewObject(forged, 1)).hello()
	for _, name := range []string{forged, "a?key=" + forged, "a?" + forged + "=1"} {
		c.on(1, "publish", name, "record")
		c.on(1, "publish", "a", name)
		c.on(1, "play", name, 0.0, -1.0, true)
		c.on(1, "play2", amf.NewObject("streamName", name, "transition", name))
		for _, command := range []string{"getStreamLength", "FCPublish", "FCUnpublish", "FCSubscribe", "releaseStream", forged} {
			c.send(command, 7, nil, name)
		}
		c.on(1, "closeStream")
	}
	c.send("deleteStream", 77, nil, 1.0)
	c.send("createStream", 78, nil)
	c.Until("_result [1]")
	c.conn.Close()
	path := strings.NewReplacer("%", "%25", " ", "%20", "\n", "%0A", "\r", "%0D", "\"", "%22", "\x1b", "%1B", "\v", "%0B", "{", "%7B", "}", "%7D", "\\", "%5C", "#", "%23", "[", "%5B", "\u2028", "%E2%80%A8", "\u0085", "%C2%85").Replace(forged)
	for _, at := range []string{"/recordings/app/one/" + path, "/recordings/" + path + "/one/x", "/recordings/app/" + path + "/x"} {
		ask(t, s, "DELETE", at)
		ask(t, s, "DELETE", at, "Connection", web.LocalToken)
		ask(t, s, "GET", at)
	}
}

// checkLine looks at one line of the log.
func checkLine(t *testing.T, asJSON bool, line string) {
	t.Helper()
	if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\r\v\u0085\u2028") {
		t.Errorf("a terminal obeys %q", line)
	}
	if asJSON {
		d := json.NewDecoder(strings.NewReader(line))
		var one map[string]any
		if err := d.Decode(&one); err != nil || d.More() || one["msg"] == "forged" || one["level"] == "FORGED" {
			t.Errorf("%v: %s", err, line)
		}
		return
	}
	if !strings.HasPrefix(line, "time=20") || strings.HasPrefix(line, "time=2026-01-01T00") {
		t.Errorf("a line begins as no line does: %s", line)
	}
	// What is between quotes may say anything.
	words, quoted := strings.Builder{}, false
	for i := 0; i < len(line); i++ {
		switch {
		case quoted && line[i] == '\\':
			i++
		case line[i] == '"':
			quoted = !quoted
		case !quoted:
			words.WriteByte(line[i])
		}
	}
	if quoted || strings.Contains(words.String(), "msg=forged") || strings.Contains(words.String(), "level=FORGED") {
		t.Errorf("a forged line: %s", line)
	}
}
