//go:build clients

package clients

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// firstLine is what a program says of its version.
func firstLine(pattern, name string, args ...string) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		out := run(t, name, args...)
		m := regexp.MustCompile(pattern).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("%s says no version:\n%s", name, out)
		}
		return m[1]
	}
}

// command is a client's command line: where a stream comes from or goes to, and
// the file that it goes to or comes from.
type command func(url, file string) []string

func (c command) start(t *testing.T, url, file string) *client {
	t.Helper()
	args := c(url, file)
	return start(t, args[0], args[1:]...)
}

// publishing fills the columns of a client that a command line publishes with.
// The note is on how it does so over RTMPS.
func (b *bench) publishing(name string, publish, secure command, note string) (cells [columns]attempt) {
	on := func(s *server, base string, c command, name, note string) attempt {
		return attempt{do: func(t *testing.T) (string, error) {
			return note, b.watched(t, s, name, whole, func() error { return ended(c.start(t, base+"/"+name, b.film)) })
		}}
	}
	cells[publishLive] = on(b.all, b.all.url, publish, name+"-live", "")
	cells[recorded] = b.isRecorded(name+"-live", whole)
	cells[publishRecord] = b.asks(name + "-live")
	cells[publishTLS] = on(b.server, b.secure, secure, name+"-tls", note)
	return cells
}

// watching fills the columns of a client that a command line plays with.
func (b *bench) watching(cells *[columns]attempt, name, suffix string, live, film, secure command, note string) {
	cells[playLive] = attempt{do: func(t *testing.T) (string, error) {
		file := b.file(t, suffix)
		name := name + "-played"
		return "", b.plays(t, name, b.server.url, live.start(t, b.server.url+"/"+name, file), file, whole)
	}}
	cells[playRecorded] = b.playsFilm(suffix, b.server.url, film, whole, "")
	cells[playTLS] = b.playsFilm(suffix, b.secure, secure, whole, note)
}

// late is the film from the keyframe at or before 2 s.
var late = span{from: 25, to: 50, start: 2}

// playsFilm plays the recorded film into a file.
func (b *bench) playsFilm(suffix, base string, play command, part span, note string) attempt {
	return attempt{do: func(t *testing.T) (string, error) {
		file := b.file(t, suffix)
		if err := ended(play.start(t, base+"/film", file)); err != nil {
			return "", err
		}
		return note, b.same(file, part)
	}}
}

const unverified = "without looking at the certificate"

// distrusts expects a client that looks at certificates to refuse ours when it
// was not told of it.
func (b *bench) distrusts(publish command, says string, then func(*testing.T) (string, error)) func(*testing.T) (string, error) {
	return func(t *testing.T) (string, error) {
		err := ended(publish.start(t, b.secure+"/distrusted", b.film))
		switch {
		case err == nil:
			return "", errors.New("it takes a certificate that it cannot trust")
		case !strings.Contains(err.Error(), says):
			return "", err
		}
		return then(t)
	}
}

func (b *bench) ffmpeg() row {
	r := row{name: "ffmpeg", version: firstLine(`^ffmpeg version (\d[\d.]*)`, "ffmpeg", "-version")}
	trust := []string{"-tls_verify", "1", "-ca_file", b.cert}
	publish := func(options ...string) command {
		return func(url, file string) []string {
			return append(append([]string{"ffmpeg", "-v", "error", "-re", "-i", file, "-c", "copy", "-f", "flv"}, options...), url)
		}
	}
	play := func(options ...string) command {
		return func(url, file string) []string {
			return append(append([]string{"ffmpeg", "-v", "error"}, options...), "-i", url, "-c", "copy", "-y", file)
		}
	}
	const note = "with `-tls_verify 1 -ca_file FILE` it looks at the certificate"
	r.cells = b.publishing("ffmpeg", publish(), publish(trust...), note)
	b.watching(&r.cells, "ffmpeg", ".flv", play(), play(), play(trust...), note)
	r.cells[playFrom] = b.playsFilm(".flv", b.server.url, play("-ss", "2"), late, "")
	r.cells[publishTLS].do = b.distrusts(publish("-tls_verify", "1"), "certificate", r.cells[publishTLS].do)
	return r
}

func (b *bench) rtmpdump() row {
	r := row{name: "rtmpdump", version: firstLine(`RTMPDump v(\S+)`, "rtmpdump", "-h")}
	for _, question := range []int{publishLive, recorded, publishRecord, publishTLS} {
		r.cells[question] = attempt{no: "it only plays"}
	}
	play := func(options ...string) command {
		return func(url, file string) []string {
			return append(append([]string{"rtmpdump", "-q"}, options...), "-r", url, "-o", file)
		}
	}
	b.watching(&r.cells, "rtmpdump", ".flv", play("--live"), play(), play(), unverified)
	r.cells[playRecorded].do = func(t *testing.T) (string, error) {
		whole := b.file(t, ".flv")
		if err := ended(play().start(t, b.server.url+"/film", whole)); err != nil {
			return "", err
		}
		if err := b.same(whole, span{}); err != nil {
			return "", err
		}
		return "a file that was cut by `--stop` is finished by `--resume`", b.resumes(t, "film", whole, play)
	}
	r.cells[playFrom].do = func(t *testing.T) (string, error) {
		file := b.file(t, ".flv")
		if err := ended(play("--start", "2").start(t, b.server.url+"/film", file)); err != nil {
			return "", err
		}
		if err := b.same(file, late); err != nil {
			return "", err
		}
		return "", b.beginsAt(file, 2)
	}
	return r
}

// Through its old elements, GStreamer is librtmp.
func (b *bench) librtmp() row {
	r := row{name: "librtmp", version: firstLine(`(?m)^\s*Version\s+(\d\S*)`, "gst-inspect-1.0", "rtmpsink")}
	r.version = prefixed("in GStreamer ", r.version)
	r.cells = b.publishing("librtmp", muxed("rtmpsink"), muxed("rtmpsink"), unverified)
	play := command(func(url, file string) []string {
		return []string{"gst-launch-1.0", "-q", "rtmpsrc", "location=" + url, "!", "filesink", "buffer-mode=unbuffered", "location=" + file}
	})
	r.cells[playLive].do = func(t *testing.T) (string, error) {
		const name = "librtmp-played"
		file := b.file(t, ".flv")
		player := play.start(t, b.server.url+"/"+name+" live=1", file)
		return "", b.plays(t, name, b.server.url, player, file, whole)
	}
	for question, film := range map[int]string{playRecorded: "film-librtmp", playFrom: "film-librtmp-late", playTLS: "film-librtmp-tls"} {
		base, options, part := b.server.url, "", whole
		switch question {
		case playTLS:
			base = b.secure
		case playFrom:
			options, part = " start=2000", late
		}
		r.cells[question].do = func(t *testing.T) (string, error) {
			if err := os.Link(filepath.Join(b.server.streams(), "film.flv"), filepath.Join(b.server.streams(), film+".flv")); err != nil {
				t.Fatal(err)
			}
			note, err := b.untilAgain(t, base, film+options, film, play, b.file(t, ".flv"), part)
			if question == playTLS {
				note = unverified + "; " + note
			}
			return note, err
		}
	}
	return r
}

// untilAgain plays a recorded stream with GStreamer's rtmpsrc, which at the end
// connects again and plays it from the beginning, and stops it then.
func (b *bench) untilAgain(t *testing.T, base, location, name string, play command, file string, part span) (string, error) {
	t.Helper()
	player := play.start(t, base+"/"+location, file)
	var first int64
	if err := player.until("it plays again", func() bool {
		first = begunAgain(t, file)
		return first > 0
	}); err != nil {
		return "", err
	}
	_ = player.cmd.Process.Kill() // it writes hundreds of megabytes a second
	<-player.done
	until(t, "the server to have played it again", func() bool { return b.server.said("playing", name) > 1 })
	if err := os.Truncate(file, first); err != nil {
		t.Fatal(err)
	}
	return "rtmpsrc then plays it again and again", b.same(file, part)
}

// begunAgain says where in a file of FLV another one begins; 0: nowhere yet.
func begunAgain(t *testing.T, path string) int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return int64(1 + bytes.Index(b[min(1, len(b)):], []byte("FLV\x01")))
}

// muxed is GStreamer publishing a file through an element that takes FLV.
func muxed(element string, options ...string) command {
	return func(url, file string) []string {
		args := []string{"gst-launch-1.0", "-q", "-e", "filesrc", "location=" + file, "!", "flvdemux", "name=in",
			"flvmux", "name=out", "streamable=true", "!", element, "location=" + url}
		args = append(args, options...)
		return append(args, "in.video", "!", "queue", "!", "h264parse", "!", "out.", "in.audio", "!", "queue", "!", "aacparse", "!", "out.")
	}
}

func (b *bench) gstreamer() row {
	r := row{name: "GStreamer rtmp2", version: firstLine(`(?m)^\s*Version\s+(\d\S*)`, "gst-inspect-1.0", "rtmp2sink")}
	const open = "tls-validation-flags=no-flags"
	note := "with `" + open + "` when the system does not trust the certificate"
	r.cells = b.publishing("gstreamer", muxed("rtmp2sink"), muxed("rtmp2sink", open), note)
	play := func(options ...string) command {
		return func(url, file string) []string {
			args := append([]string{"gst-launch-1.0", "-q", "-e", "rtmp2src", "location=" + url}, options...)
			return append(args, "!", "filesink", "location="+file)
		}
	}
	b.watching(&r.cells, "gstreamer", ".flv", play(), play(), play(open), note)
	r.cells[publishTLS].do = b.distrusts(muxed("rtmp2sink"), "g-tls-error", r.cells[publishTLS].do)
	r.cells[playLive].do = func(t *testing.T) (string, error) {
		const name = "gstreamer-played"
		file := b.file(t, ".flv")
		player := unbuffered(t, b.server.url+"/"+name, file)
		for _, pictures := range []int{100, 200} {
			if err := player.until("it plays", func() bool { return b.server.said("playing", name) > 0 }); err != nil {
				return "", err
			}
			if err := ended(b.sends(t, b.server.url+"/"+name)); err != nil {
				t.Fatal(err)
			}
			if err := player.until("all pictures are there", func() bool { return filmed(t, file) >= pictures }); err != nil {
				return "", err
			}
			if pictures == 100 {
				if err := b.same(file, whole); err != nil {
					return "", err
				}
			}
		}
		player.interrupt()
		return "it stays when the stream has ended, and plays the next one of that name", nil
	}
	r.cells[playFrom] = attempt{no: "rtmp2src has no option for it", shows: "has no such option", do: func(t *testing.T) (string, error) {
		options := run(t, "gst-inspect-1.0", "rtmp2src")
		if regexp.MustCompile(`(?m)^  (start|seek|offset)`).MatchString(options) {
			return "", nil // new: it can be tried
		}
		return "", fmt.Errorf("rtmp2src has no such option:\n%s", options)
	}}
	return r
}

// VLC refuses to run as root.
func (b *bench) vlc() row {
	vlc := func(args ...string) []string {
		command := []string{"vlc", "-I", "dummy", "-q"}
		if os.Geteuid() == 0 {
			command = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, command...)
		}
		return append(command, args...)
	}
	ask := vlc("--version")
	r := row{name: "VLC", version: firstLine(`VLC version (\d[\d.]*)`, ask[0], ask[1:]...)}
	publish := command(func(url, file string) []string {
		return vlc(file, "--sout", "#std{access=rtmp,mux=ffmpeg{mux=flv},dst="+url+"}", "vlc://quit")
	})
	play := func(options ...string) command {
		return func(url, file string) []string {
			return vlc(append(options, url, "--sout", "#std{access=file,mux=mkv,dst="+file+"}", "vlc://quit")...)
		}
	}
	r.cells = b.publishing("vlc", publish, publish, unverified)
	b.watching(&r.cells, "vlc", ".mkv", play(), play(), play(), unverified)
	r.cells[playFrom] = b.playsFilm(".mkv", b.server.url, play("--start-time=2"), late, "")
	return r
}

func prefixed(prefix string, version func(*testing.T) string) func(*testing.T) string {
	return func(t *testing.T) string { return prefix + version(t) }
}

// unbuffered plays with GStreamer into a file, which has each packet at once.
func unbuffered(t *testing.T, url, file string) *client {
	t.Helper()
	return start(t, "gst-launch-1.0", "-q", "-e", "rtmp2src", "location="+url, "!", "filesink", "buffer-mode=unbuffered", "location="+file)
}
