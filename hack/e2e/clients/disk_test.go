//go:build clients

package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// mounted is a server whose data folder is a file system of its own, of some
// MiB, in a mount namespace of its own: it goes when the server does.
func mounted(t *testing.T, spec string, size int) *server {
	t.Helper()
	data := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dm tmpfs "$1" && shift && exec "$@"`, size)
	prefix := []string{"unshare", "--mount"}
	if os.Geteuid() != 0 {
		prefix = append(prefix, "--user", "--map-root-user")
	}
	s := serveBehind(t, append(prefix, "sh", "-c", script, "sh", data), spec, data)
	// The mount is seen through the server's eyes.
	s.data = fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, data)
	return s
}

// inside runs a command where the server's mounts are.
func (s *server) inside(args ...string) {
	s.t.Helper()
	prefix := []string{"--target", fmt.Sprint(s.cmd.Process.Pid), "--mount"}
	if os.Geteuid() != 0 {
		prefix = append(prefix, "--user", "--preserve-credentials")
	}
	if out, err := exec.Command("nsenter", append(prefix, args...)...).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// disk is the data folder as those inside call it.
func (s *server) disk() string {
	return s.data[strings.Index(s.data, "/root/")+len("/root"):]
}

// fill takes all room but so many bytes.
func (s *server) fill(left int64) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.data, "ballast"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 1<<20)
	var size int64
	for err == nil {
		var n int
		n, err = f.Write(chunk)
		size += int64(n)
	}
	if err := f.Truncate(size - left); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) empty() {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.data, "ballast")); err != nil {
		s.t.Fatal(err)
	}
}

// logged waits for a line of the log with all these words: it comes by another
// way than what clients are told.
func (s *server) logged(words ...string) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%q in the log", words), func() bool {
		for line := range strings.Lines(s.log.String()) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return true
			}
		}
		return false
	})
}

// encoder publishes a film over and over, in step with a viewer: it sends a
// picture when the last one was seen.
type encoder struct {
	pub, view *player
	film      []flv.Tag
	at        int
	base      media.Timestamp
}

func encode(t *testing.T, s *server, mode string, film []flv.Tag) *encoder {
	t.Helper()
	e := &encoder{pub: dial(t, s.url), view: dial(t, s.url), film: film}
	e.view.play("cam", -1000)
	s.untilMetric("players", 1)
	e.publish(mode)
	return e
}

// publish begins anew with the film, at whatever time it is.
func (e *encoder) publish(mode string) {
	e.pub.t.Helper()
	e.at = 0
	e.pub.publish("cam", mode)
	e.until("NetStream.Publish.Start")
}

// until waits for a status of the publisher, past others.
func (e *encoder) until(want string) {
	e.pub.t.Helper()
	e.pub.until(func(m rtmp.Message) bool {
		return m.Type == rtmp.TypeCommand && code(e.pub.command(m).Args) == want
	})
}

// picture sends up to the next picture and waits until the viewer has it.
func (e *encoder) picture() {
	e.pub.t.Helper()
	for {
		tag := e.film[e.at]
		at := e.base + tag.Timestamp
		if e.at++; e.at == len(e.film) {
			e.at, e.base = 0, at+40
		}
		if tag.Type == flv.TypeScript {
			continue
		}
		e.pub.must(e.pub.conn.Send(&rtmp.Message{Type: rtmp.MessageType(tag.Type), StreamID: 1, Timestamp: at, Payload: tag.Data}))
		if isPicture(tag.Type, tag.Data) {
			break
		}
	}
	e.view.until(func(m rtmp.Message) bool { return isPicture(uint8(m.Type), m.Payload) })
}

// pictures goes on until a condition holds.
func (e *encoder) pictures(what string, ok func() bool) {
	e.pub.t.Helper()
	until(e.pub.t, what, func() bool {
		e.picture()
		return ok()
	})
}

// heard says whether the server has sent a status, and forgets messages before it.
func (e *encoder) heard(want string) bool {
	e.pub.t.Helper()
	for len(e.pub.got) > 0 {
		m := e.pub.next()
		if m.Type == rtmp.TypeCommand {
			if got := code(e.pub.command(m).Args); got == want {
				return true
			} else if strings.HasPrefix(got, "NetStream.") {
				e.pub.t.Fatalf("status %s, want %s", got, want)
			}
		}
	}
	return false
}

// judged has ffprobe decode every picture of a file, and returns how many.
func judged(t *testing.T, file string) int {
	t.Helper()
	want := len(picturesOf(t, file))
	for _, s := range inspect(t, file, "-count_frames").Streams {
		if s.CodecType == "video" && s.Frames != strconv.Itoa(want) {
			t.Errorf("ffprobe decodes %s pictures of %d", s.Frames, want)
		}
	}
	return want
}

func (e *encoder) close() {
	e.pub.conn.Close()
	e.view.conn.Close()
}

// played is how many pictures of a recorded stream play.
func played(t *testing.T, s *server, name string) (n int) {
	t.Helper()
	p := dial(t, s.url)
	defer p.conn.Close()
	p.buffer(1, 3600_000)
	p.play(name, 0)
	p.until(func(m rtmp.Message) bool {
		if isPicture(uint8(m.Type), m.Payload) {
			n++
		}
		return m.Type == rtmp.TypeCommand && code(p.command(m).Args) == "NetStream.Play.Stop"
	})
	return n
}

// A disk that fills up ends the recording and nothing else; when there is room
// again, the next recording is made. Once it fills up to what is kept free, and
// once to the last byte before that is noticed.
func TestFullDisk(t *testing.T) {
	source := filepath.Join(t.TempDir(), "film.flv")
	film(t, source, 4)
	tags := tagsOf(t, source)
	for name, left := range map[string]int64{"to what is kept free": 8 << 20, "to the last byte": 0} {
		t.Run(name, func(t *testing.T) {
			s := mounted(t, anyone, 96)
			e := encode(t, s, "record", tags)
			e.pub.status("NetStream.Record.Start")
			file := filepath.Join(s.streams(), "cam.flv")
			e.pictures("a recording", func() bool { info, err := os.Stat(file); return err == nil && info.Size() > 100_000 })
			s.fill(left)
			e.pictures("Record.Failed", func() bool { return e.heard("NetStream.Record.Failed") })
			s.logged("recording ended early", "disk is full")
			s.untilMetric("recordings", 0)
			for range 50 {
				e.picture() // live goes on
			}
			kept := tagsOf(t, file)
			if n := judged(t, file); n < 10 {
				t.Errorf("%d pictures were recorded", n)
			}
			// What was recorded plays, beside what is live.
			if n, want := played(t, s, "cam"), len(picturesOf(t, file)); n != want {
				t.Errorf("%d pictures play of %d", n, want)
			}

			// Full as it is, the next one is live only, and leaves the file alone.
			e.pub.call("closeStream")
			e.until("NetStream.Unpublish.Success")
			e.publish("record")
			e.pub.status("NetStream.Record.Failed")
			e.picture()
			if again := tagsOf(t, file); len(again) != len(kept) {
				t.Errorf("%d tags are left of %d", len(again), len(kept))
			}

			s.empty()
			e.publish("append")
			e.pub.status("NetStream.Record.Start")
			for range 50 {
				e.picture()
			}
			e.pub.call("closeStream")
			e.pub.status("NetStream.Record.Stop")
			if again, had := judged(t, file), len(pictures(kept)); again <= had {
				t.Errorf("%d pictures after room was made, %d before", again, had)
			}
			e.close()
			s.stop()
		})
	}
}

// A disk that takes nothing more, or is gone, costs the recordings only.
func TestDiskThatIsNotWritable(t *testing.T) {
	source := filepath.Join(t.TempDir(), "film.flv")
	film(t, source, 4)
	tags := tagsOf(t, source)
	for name, c := range map[string]struct {
		harm, heal   func(*server)
		said, reason string
	}{
		"read-only": {
			harm:   func(s *server) { s.inside("mount", "-o", "remount,bind,ro", s.disk()) },
			heal:   func(s *server) { s.inside("mount", "-o", "remount,bind,rw", s.disk()) },
			said:   "NetStream.Record.NoAccess",
			reason: "read-only file system",
		},
		"gone": {
			harm: func(s *server) {
				if err := os.RemoveAll(filepath.Join(s.data, "live")); err != nil {
					s.t.Fatal(err)
				}
			},
			said:   "NetStream.Record.Failed",
			reason: "the folder of recordings is gone (restart the server when it is back)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := mounted(t, anyone, 96)
			c.harm(s)
			e := encode(t, s, "record", tags)
			e.pub.status(c.said)
			for range 30 {
				e.picture()
			}
			s.logged("recording did not start", c.reason)
			if c.heal != nil {
				c.heal(s)
				e.publish("record")
				e.pub.status("NetStream.Record.Start")
				for range 30 {
					e.picture()
				}
				e.pub.call("closeStream")
				e.pub.status("NetStream.Record.Stop")
				if n := judged(t, filepath.Join(s.streams(), "cam.flv")); n != 30 {
					t.Errorf("%d pictures are recorded of 30", n)
				}
			}
			e.close()
			s.stop()
		})
	}
}
