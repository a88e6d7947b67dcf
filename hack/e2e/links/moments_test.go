//go:build clients

package links

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// A link that is cut at a moment at which somebody asks for something: it is answered when
// the link is back soon, and refused with the reason when it is not.
func TestCutMoments(t *testing.T) {
	t.Parallel()
	for name, moment := range map[string]struct {
		long bool
		test func(t *testing.T, of string)
	}{
		"while a client connects, for a moment":            {false, connectsBriefly},
		"while a client connects":                          {false, connectsInVain},
		"while a play begins, for a moment":                {false, playsBriefly},
		"while a play begins":                              {false, playsInVain},
		"while a recording is sought, for a moment":        {false, seeksBriefly},
		"while a recording is sought":                      {true, seeksInVain},
		"while a publication with record ends":             {false, endsRecord},
		"while a publication with record is asked for":     {false, asksForRecord},
		"during a publication with record, for a minute":   {true, recordsOn},
		"while shared objects change, until it is noticed": {false, changesObjects},
	} {
		if moment.long != *long {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			moment.test(t, "link cut "+name)
		})
	}
}

// aMoment has a link be cut for as long as nobody takes it for lost.
func (s *server) aMoment(cam *publisher) {
	s.t.Helper()
	cam.goes(gop)
	s.line.mend()
}

// scene is an origin where somebody publishes, and an edge with a client.
func scene(t *testing.T) (h *house, e *server, cam *publisher, viewer *client) {
	t.Helper()
	h = newHouse(t)
	e = h.edge("edge")
	cam = connect(t, "publisher at the origin", h.origin).publishes("cam", "live", aMegabit, 0)
	viewer = connect(t, "viewer at the edge", e).plays("cam", cam)
	viewer.past(gop)
	return h, e, cam, viewer
}

func connectsBriefly(t *testing.T, of string) {
	_, e, cam, _ := scene(t)
	e.line.cut()
	in := make(chan error, 1)
	go func() {
		_, err := dials(t, e)
		in <- err
	}()
	e.aMoment(cam)
	err := <-in
	figure(of, "client", "", "", "", fmt.Sprintf("let in: %v", err == nil))
	must(t, err)
}

// dials connects, and says what comes of it and when.
func dials(t *testing.T, e *server) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	nc, err := rtmp.Connect(ctx, e.url(), rtmp.Config{})
	if err == nil {
		nc.Close()
	}
	return time.Since(began), err
}

func connectsInVain(t *testing.T, of string) {
	_, e, _, viewer := scene(t)
	e.line.cut()
	took, err := dials(t, e)
	if err == nil || !strings.Contains(err.Error(), "NetConnection.Connect.Failed") {
		t.Errorf("the client was told %v", err)
	}
	figure(of, "client", "", "", "", fmt.Sprintf("NetConnection.Connect.Failed, after %s", ms(took)))
	e.line.mend()
	until(t, "another one is let in", func() bool { _, err := dials(t, e); return err == nil })
	viewer.hears(0, "Play.PublishNotify")
}

func playsBriefly(t *testing.T, of string) {
	h, e, cam, _ := scene(t)
	news := connect(t, "another publisher at the origin", h.origin).publishes("news", "live", aMegabit, 0)
	c := connect(t, "client at the edge", e)
	e.line.cut()
	c.watches("news")
	e.aMoment(cam)
	c.hears(0, "Play.Start")
	c.past(news.next.Load())
	if l := c.tells(of, 0, 0); !oneOf(l.said, []string{"Play.Reset", "Play.Start"}) {
		t.Errorf("it was told %q", l.said)
	}
}

func playsInVain(t *testing.T, of string) {
	h, e, _, viewer := scene(t)
	news := connect(t, "another publisher at the origin", h.origin).publishes("news", "live", aMegabit, 0)
	c := connect(t, "client at the edge", e)
	e.line.cut()
	c.watches("news")
	told := c.hears(0, "Play.Failed")
	c.tellsOnly(of, 0)
	e.line.mend()
	viewer.hears(0, "Play.PublishNotify")
	c.watches("news")
	c.hears(told, "Play.Start")
	c.past(news.next.Load())
	viewer.tells(of, 2, 0)
}

// recorded has a stream of so many groups recorded at the origin: pictures are so large
// that an edge has read some of it alone when it begins to play.
func (h *house) recorded(name string, groups int64) {
	h.t.Helper()
	c := connect(h.t, "publisher of a recording", h.origin)
	must(h.t, c.ns.Command("publish", name, "record"))
	c.hears(0, "Record.Start")
	must(h.t, c.ns.Send(h.t.Context(), &rtmp.Message{Type: rtmp.TypeVideo, Payload: header}))
	for n := range groups * gop {
		must(h.t, c.ns.Send(h.t.Context(), picture(n, 8*aMegabit)))
	}
	must(h.t, c.ns.Command("closeStream"))
	c.hears(0, "Record.Stop")
	c.nc.Close()
}

func seeksBriefly(t *testing.T, of string) {
	h, e, cam, _ := scene(t)
	h.recorded("film", 60)
	c := connect(t, "player of a recording", e)
	c.sees(nil)
	must(t, c.ns.Command("play", "film", 0))
	c.past(1)
	e.line.cut()
	asked := time.Now()
	must(t, c.ns.Command("seek", 50000))
	e.aMoment(cam)
	c.hears(0, "Seek.Notify")
	c.past(50 * gop)
	figure(of, c.name, "", "sought in "+ms(time.Since(asked)), "", said(c.said(0)))
}

func seeksInVain(t *testing.T, of string) {
	h, e, _, viewer := scene(t)
	h.recorded("film", 60)
	c := connect(t, "player of a recording", e)
	c.sees(nil)
	must(t, c.ns.Command("play", "film", 0))
	c.past(1)
	told, _ := c.at()
	e.line.cut()
	asked := time.Now()
	must(t, c.ns.Command("seek", 50000))
	until(t, "the player hears that it fails", func() bool {
		all := c.said(told)
		return slices.Contains(all, "Play.InsufficientBW") && slices.Contains(all, "Seek.Failed") && slices.Contains(all, "Play.Failed")
	})
	figure(of, c.name, "", "failed after "+ms(time.Since(asked)), "", said(c.said(0)))
	e.line.mend()
	viewer.hears(0, "Play.PublishNotify")
	told, _ = c.at()
	must(t, c.ns.Command("play", "film", 50000))
	c.hears(told, "Play.Start")
	c.past(50 * gop)
}

func endsRecord(t *testing.T, of string) {
	h, e, _, viewer := scene(t)
	film := connect(t, "publisher at the edge, with record", e).publishes("film", "record", aMegabit, 0)
	film.hears(0, "Record.Start")
	film.goes(2 * gop)
	e.line.cut()
	film.goes(gop)
	film.stop()
	must(t, film.ns.Command("closeStream"))
	film.hears(0, "Unpublish.Success")
	film.tellsOnly(of, 0)
	e.line.mend()
	viewer.hears(0, "Play.PublishNotify")
	h.origin.untilMetric(0, "recordings")
	c := connect(t, "player of what was recorded", e)
	c.sees(nil)
	must(t, c.ns.Command("play", "film", 0))
	c.hears(0, "Play.Stop")
	l, wrong := c.lost(0, 0)
	if len(wrong) > 0 || l.missing != 0 || l.pictures < gop {
		t.Errorf("%d pictures are recorded, %v are missing: %q", l.pictures, l.missing, wrong)
	}
	figure(of, c.name, "0 ms in 0 gaps", "", "", fmt.Sprintf("%d pictures of %d were recorded", l.pictures+1, film.next.Load()))
}

func asksForRecord(t *testing.T, of string) {
	_, e, cam, _ := scene(t)
	c := connect(t, "publisher at the edge, with record", e)
	e.line.cut()
	must(t, c.ns.Command("publish", "film", "record"))
	e.aMoment(cam)
	c.hears(0, "Record.Start")
	film := c.sends(aMegabit, 0)
	film.goes(gop)
	film.stop()
	must(t, c.ns.Command("closeStream"))
	c.hears(0, "Unpublish.Success")
	if all := c.tellsOnly(of, 0); !oneOf(all, []string{"Publish.Start", "Record.Start", "Record.Stop", "Unpublish.Success"}) {
		t.Errorf("the publisher was told %q", all)
	}
}

func recordsOn(t *testing.T, of string) {
	h, e, cam, viewer := scene(t)
	film := connect(t, "publisher at the edge, with record", e).publishes("film", "record", aMegabit, 0)
	film.hears(0, "Record.Start")
	film.goes(2 * gop)
	e.line.cut()
	cam.goes(60 * gop)
	e.line.mend()
	viewer.hears(0, "Play.PublishNotify")
	h.origin.untilMetric(1, "recordings")
	film.goes(4 * gop)
	film.stop()
	must(t, film.ns.Command("closeStream"))
	film.hears(0, "Unpublish.Success")
	if all := film.tellsOnly(of, 2); !oneOf(all, []string{"Publish.InsufficientBW", "Publish.InsufficientBW", "Record.Failed", "Record.Stop", "Unpublish.Success"}) {
		t.Errorf("the publisher was told %q", all)
	}
	c := connect(t, "player of what was recorded", e)
	c.sees(nil)
	must(t, c.ns.Command("play", "film", 0))
	c.hears(0, "Play.Stop")
	if l := c.tells(of, 0, 0); l.groups != 1 || l.pictures < 3*gop {
		t.Errorf("%d pictures are recorded, with %d gaps", l.pictures, l.groups)
	}
	if _, err := os.Stat(filepath.Join(h.origin.data, "live", "streams", "_definst_", "film.flv")); err != nil {
		t.Error(err)
	}
}

func changesObjects(t *testing.T, of string) {
	h, e, _, viewer := scene(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	there := connect(t, "client at the origin", h.origin).nc.SharedObject("wall", true)
	mine := connect(t, "client at the edge", e).nc.SharedObject("wall", true)
	must(t, there.Use(ctx))
	must(t, mine.Use(ctx))
	must(t, there.Set(ctx, "brick", "one"))
	until(t, "the edge's client has it", func() bool { v, _ := mine.Get("brick"); return v == "one" })
	e.line.cut()
	must(t, there.Set(ctx, "brick", "two"))
	err := mine.Set(ctx, "mine", "three") // is refused once the link is lost
	figure(of, "client at the edge", "", "", "", fmt.Sprintf("its change: %v", err))
	if err == nil {
		t.Error("a change was taken that the origin does not have")
	}
	e.line.mend()
	viewer.hears(0, "Play.PublishNotify")
	until(t, "the edge's client has what has changed", func() bool { v, _ := mine.Get("brick"); return v == "two" })
	must(t, mine.Set(ctx, "mine", "four"))
	until(t, "the origin's client has it", func() bool { v, _ := there.Get("mine"); return v == "four" })
}
