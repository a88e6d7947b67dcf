package server

import (
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// cutFilm is an edge that has the beginning of a recording, and what plays it there, when it
// has lost its origin.
func cutFilm(t *testing.T, waits time.Duration, leaf bool) (b *broken, c *client) {
	t.Helper()
	edge := Config{CacheDir: t.TempDir(), CacheSize: 1 << 30, fileWaits: waits}
	if leaf {
		edge.LinkAddress = "127.0.0.1:0"
	}
	b = runBroken(t, edge, open)
	if leaf {
		b.at, _ = runWith(t, Config{LinkKeyFile: b.cfg.LinkKeyFile, EdgeOf: b.edge.links.Addr().String(), CacheDir: t.TempDir(), CacheSize: 1 << 30, fileWaits: waits})
	}
	servertest.WriteFLV(t, filepath.Join(b.cfg.Data, "app/streams/one/film.flv"), keyframes(400, 4)...)
	c = seeing(t, b.at)
	c.on(1, "play", "film", 0.0)
	c.Until("video 1000")
	b.net.Cut()
	servertest.Eventually(t, "the link is known to be lost", func() bool { return b.edge.edge.State().Linked == 0 })
	return b, c
}

// Who seeks while the origin is away is told at once that this waits, and sought is where he
// has sought last: to what the edge has, at once, and to the rest when the origin is back.
func TestSeekWhileTheOriginIsAway(t *testing.T) {
	t.Parallel()
	for name, leaf := range map[string]bool{"at an edge": false, "at a leaf": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := cutFilm(t, servertest.Patience, leaf)
			for _, to := range []float64{390000, 250000, 300000, 200000, 150000} { // more than are asked for at once
				c.on(1, "seek", to)
				c.Until("onStatus NetStream.Seek.Notify")
				c.hearsOf("NetStream.Play.InsufficientBW", "warning", "The way to the server of film is lost: ")
			}
			c.on(1, "seek", 0.0)
			c.Until("onStatus NetStream.Seek.Notify")
			c.Until("video 0")
			c.on(1, "seek", 350000.0)
			c.Until("onStatus NetStream.Seek.Notify")
			b.net.To(b.of.RTMPAddr())
			for _, w := range c.Until("video 350000") {
				if w == "video 390000" || w == "video 250000" || w == "video 300000" || w == "video 200000" || w == "video 150000" {
					t.Errorf("%q is seen of where it was sought before", w)
				}
			}
		})
	}
}

// What is not here in time fails with a reason: the seek, and what was to play from there. So
// does one that is paused, which may go on elsewhere.
func TestSeekInVain(t *testing.T) {
	t.Parallel()
	for name, leaf := range map[string]bool{"at an edge": false, "at a leaf": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := cutFilm(t, time.Second, leaf)
			c.on(1, "pause", true, 1000.0)
			c.Until("onStatus NetStream.Pause.Notify")
			const why = "the way to the server that has it is lost, and was not there again in time."
			c.on(1, "seek", 300000.0)
			c.hearsOf("NetStream.Seek.Failed", "error", "Cannot seek in film: "+why)
			c.on(1, "seek", 0.0)
			c.Until("video 0")
			c.on(1, "pause", false)
			c.Until("onStatus NetStream.Unpause.Notify")
			c.on(1, "seek", 350000.0)
			c.hearsOf("NetStream.Seek.Failed", "error", "Cannot seek in film: "+why)
			c.hearsOf("NetStream.Play.Failed", "error", "Failed to play film: "+why)
			b.net.To(b.of.RTMPAddr())
			servertest.Eventually(t, "it plays again", func() bool {
				for c.on(1, "play", "film", 350.0); ; {
					switch w, _ := c.next(); w {
					case "onStatus NetStream.Play.Start":
						return true
					case "onStatus NetStream.Play.Failed":
						return false // it is not in again yet
					case "end":
						t.Fatal("it ends")
					}
				}
			})
			c.Until("video 0")
		})
	}
}
