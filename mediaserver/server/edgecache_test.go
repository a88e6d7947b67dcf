package server

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// keyframes is a film of keyframes of some 50 KB, one each second, which are all different.
func keyframes(n int, seed byte) (tags []flv.Tag) {
	noise := rand.NewChaCha8([32]byte{seed})
	tags = append(tags, flv.Tag{Type: flv.TypeVideo, Data: []byte{0x17, 0, 0, 0, 0, 1, seed}})
	for i := range n {
		frame := make([]byte, 50<<10+i)
		_, _ = noise.Read(frame)
		copy(frame, []byte{0x17, 1, 0, 0, 0})
		tags = append(tags, flv.Tag{Type: flv.TypeVideo, Timestamp: media.Timestamp(i * 1000), Data: frame})
	}
	return tags
}

// seenOf is what is to be seen of a film from a second on, as playAll says it.
func seenOf(tags []flv.Tag, from int) (all []string) {
	for _, tag := range tags[1+from:] {
		all = append(all, seen(tag.Timestamp, tag.Data))
	}
	return all
}

func seen(at media.Timestamp, b []byte) string {
	h := fnv.New64()
	_, _ = h.Write(b)
	return fmt.Sprintf("%d %x", at, h.Sum64())
}

// playAll plays a recorded stream to its end, ahead of time, and returns its pictures, and
// how it ended: the status that said so, or all that was said before the connection ended.
func playAll(t *testing.T, s *Server, name string, from int) (all []string, why string) {
	t.Helper()
	conn := servertest.Dial(t, s.RTMPAddr())
	defer conn.Close()
	for i, err := range []error{
		conn.SendCommand(0, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one")),
		conn.SendCommand(0, "createStream", 2, nil),
		conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 1, 3600000)),
		conn.SendCommand(1, "play", 0, nil, name, float64(from*1000)),
	} {
		if err != nil {
			t.Error(i, err)
		}
	}
	late := time.AfterFunc(4*servertest.Patience, func() { conn.Close() })
	defer late.Stop()
	var said []string
	err := conn.Serve(func(m *rtmp.Message) error {
		if m.Type == rtmp.TypeVideo && len(m.Payload) > 10 && m.Payload[1] == 1 {
			all = append(all, seen(m.Timestamp, m.Payload))
		}
		switch word := servertest.Word(m); word {
		case "onStatus NetStream.Play.Stop", "onStatus NetStream.Play.Failed", "onStatus NetStream.Play.StreamNotFound":
			why = word
			return io.EOF
		case "":
		default:
			said = append(said, word)
		}
		return nil
	})
	if why == "" {
		why = fmt.Sprintf("no status: %v after %q", err, said)
	}
	return all, why
}

// counting passes connections on, and counts the bytes that come back.
func counting(t *testing.T, to string) (address string, back *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back = new(atomic.Int64)
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { pass(a, to, back) })
		}
	})
	t.Cleanup(func() { ln.Close(); passing.Wait() })
	return ln.Addr().String(), back
}

// pass passes a connection on until either end closes it.
func pass(a net.Conn, to string, back *atomic.Int64) {
	defer a.Close()
	b, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer b.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(b, a)
		_ = b.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(a, counter{back}), b)
	_ = a.Close()
	<-done
}

type counter struct{ *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.Add(int64(len(b)))
	return len(b), nil
}

// runCached is an origin with films, and an edge of it that has a cache, behind what counts
// bytes.
func runCached(t *testing.T, cfg Config) (of, e *Server, folder string, back *atomic.Int64) {
	t.Helper()
	key, data := filepath.Join(t.TempDir(), "link.key"), t.TempDir()
	of, _ = runWith(t, Config{LinkKeyFile: key, Data: data}, open)
	cfg.LinkKeyFile = key
	cfg.EdgeOf, back = counting(t, of.RTMPAddr().String())
	if cfg.CacheSize == 0 {
		cfg.CacheSize = 1 << 30
	}
	if cfg.CacheDir == "" {
		cfg.CacheDir = filepath.Join(t.TempDir(), "cache")
	}
	e, _ = runWith(t, cfg)
	return of, e, filepath.Join(data, "app/streams/one"), back
}

// Fifty who play one recording at an edge, from its beginning and from its middle, cost the
// origin as much as one, and later players nothing.
func TestRecordingLeavesTheOriginOnce(t *testing.T) {
	t.Parallel()
	_, e, folder, back := runCached(t, Config{})
	film := keyframes(40, 1)
	servertest.WriteFLV(t, filepath.Join(folder, "film.flv"), film...)
	info, err := os.Stat(filepath.Join(folder, "film.flv"))
	if err != nil {
		t.Fatal(err)
	}
	var players sync.WaitGroup
	for i := range 50 {
		players.Go(func() {
			from := i % 2 * 20
			all, why := playAll(t, e, "film", from)
			want := film[1+from:]
			if !slices.Equal(times(all, from), times(seenOf(film, from), 0)) || why != "onStatus NetStream.Play.Stop" || len(want) != len(all) {
				t.Errorf("%d pictures of %d, %s", len(all), len(want), why)
			}
		})
	}
	players.Wait()
	s, _ := e.EdgeCache()
	if s.Fetched > uint64(info.Size()) || s.Served < 30*uint64(info.Size()) {
		t.Errorf("%+v of a file of %d bytes", s, info.Size())
	}
	const beside = 256 << 10 // calls, statuses, handshakes, what TLS adds
	if n := back.Load(); n > info.Size()+beside {
		t.Errorf("%d bytes came from the origin, of a file of %d", n, info.Size())
	}
	before := back.Load()
	if all, _ := playAll(t, e, "film", 10); len(all) != 30 {
		t.Errorf("%d pictures", len(all))
	}
	if n := back.Load() - before; n > beside {
		t.Errorf("%d bytes more for one who came later", n)
	}
}

// times has pictures at the times of the film: a player's clock begins where it does.
func times(all []string, from int) (out []string) {
	for _, one := range all {
		at, hash, _ := strings.Cut(one, " ")
		n := 0
		_, _ = fmt.Sscan(at, &n)
		out = append(out, fmt.Sprint(n+from*1000, " ", hash))
	}
	return out
}

// A file that was written over is another, and who plays the old one goes on with that.
func TestFileIsWrittenOverAtTheOrigin(t *testing.T) {
	t.Parallel()
	_, e, folder, _ := runCached(t, Config{})
	path := filepath.Join(folder, "film.flv")
	was, is := keyframes(10, 1), keyframes(10, 2)
	servertest.WriteFLV(t, path, was...)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := playAll(t, e, "film", 0); !slices.Equal(all, seenOf(was, 0)) {
		t.Errorf("%d pictures", len(all))
	}
	// Of the same size and time, and another file all the same.
	servertest.WriteFLV(t, path+".new", is...)
	if err := os.Chtimes(path+".new", info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if all, why := playAll(t, e, "film", 0); !slices.Equal(all, seenOf(is, 0)) {
		t.Errorf("%d pictures, %s: not those of the new file", len(all), why)
	}
}

// Where the cache is small, or the disk full, everybody sees everything.
func TestEdgeWithLittleDisk(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{"small": {CacheSize: 1 << 20}, "full": {cacheMinFree: 1 << 60}, "none": {CacheSize: -1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &servertest.Log{}
			cfg.Log = log.Logger(0)
			_, e, folder, _ := runCached(t, cfg)
			var players sync.WaitGroup
			for i := range 3 {
				film := keyframes(40, byte(i))
				servertest.WriteFLV(t, filepath.Join(folder, fmt.Sprint("film", i, ".flv")), film...)
				for range 3 {
					players.Go(func() {
						if all, why := playAll(t, e, fmt.Sprint("film", i), 0); !slices.Equal(all, seenOf(film, 0)) {
							t.Errorf("%d pictures, %s", len(all), why)
						}
					})
				}
			}
			players.Wait()
			more := 3
			servertest.Eventually(t, "the cache is as large as it may be", func() bool {
				s, _ := e.EdgeCache()
				if name == "small" && s.Evicted == 0 { // nothing goes before a slow disk has taken it, and what comes meanwhile is not kept
					servertest.WriteFLV(t, filepath.Join(folder, fmt.Sprint("film", more, ".flv")), keyframes(40, byte(more))...)
					_, _ = playAll(t, e, fmt.Sprint("film", more), 0)
					more++
				}
				return (s.OnDisk <= max(0, cfg.CacheSize) || name == "full") && (name != "small" || s.Evicted > 0) && s.WithoutDisk == (name == "full")
			})
			if name == "full" {
				servertest.Eventually(t, "the log says that it takes nothing more", func() bool { return log.Count("takes nothing more") == 1 })
			}
			_, metrics := ask(t, e, "GET", "/metrics")
			for _, m := range []string{"flashpod_edge_cache_usable " + map[bool]string{true: "0", false: "1"}[name == "full"], "flashpod_edge_cache_served_bytes_total "} {
				if !strings.Contains(metrics, m) {
					t.Errorf("no %q", m)
				}
			}
		})
	}
}

// What is being recorded at the origin is played at an edge as far as it has come, by who
// comes early and by who comes late.
func TestRecordingInProgressAtAnEdge(t *testing.T) {
	t.Parallel()
	of, e, _, _ := runCached(t, Config{})
	p := connect(t, of, "app/one").hello()
	p.on(1, "publish", "cam", "record")
	p.expect("event 0", "onStatus NetStream.Publish.Start", "onStatus NetStream.Record.Start")
	film := keyframes(60, 3)
	send := func(tags []flv.Tag) {
		for _, tag := range tags {
			if err := p.conn.Send(&rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: tag.Timestamp, Payload: tag.Data}); err != nil {
				t.Fatal(err)
			}
		}
	}
	sent := 1
	send(film[:1])
	for _, n := range []int{11, 31, len(film)} {
		send(film[sent:n])
		sent = n
		servertest.Eventually(t, "what was recorded is played", func() bool {
			all, _ := playAll(t, e, "cam", 0)
			if len(all) > n-1 || !slices.Equal(all, seenOf(film, 0)[:len(all)]) {
				t.Fatalf("%d pictures of %d, and others than were recorded", len(all), n-1)
			}
			return len(all) == n-1
		})
	}
	p.on(1, "closeStream")
	p.Until("onStatus NetStream.Record.Stop")
	if all, _ := playAll(t, e, "cam", 0); !slices.Equal(all, seenOf(film, 0)) {
		t.Errorf("%d pictures", len(all))
	}
	if s, _ := e.EdgeCache(); s.Torn > 0 {
		t.Errorf("%+v", s)
	}
}

// seeing is a client that sees the times of pictures.
func seeing(t *testing.T, s *Server) *client {
	t.Helper()
	conn := servertest.Dial(t, s.RTMPAddr())
	c := &client{servertest.NewClient(t, conn, func(m *rtmp.Message) string {
		if m.Type == rtmp.TypeVideo && len(m.Payload) > 10 && m.Payload[1] == 1 {
			return fmt.Sprint("video ", m.Timestamp)
		}
		return servertest.Word(m)
	}), conn}
	c.Connect("app/one")
	return c.hello()
}

// One who seeks to and fro at an edge sees what he would at the origin.
func TestSeekAtAnEdge(t *testing.T) {
	t.Parallel()
	_, e, folder, back := runCached(t, Config{})
	film := keyframes(400, 4)
	servertest.WriteFLV(t, filepath.Join(folder, "film.flv"), film...)
	c := seeing(t, e)
	c.on(1, "play", "film", 0.0)
	c.Until("onStatus NetStream.Play.Start")
	for _, to := range []int{150, 3, 399, 77, 76, 150} {
		c.on(1, "seek", float64(to*1000))
		c.Until("onStatus NetStream.Seek.Notify")
		c.Until(fmt.Sprint("video ", to*1000))
	}
	if n := back.Load(); n > 12<<20 {
		t.Errorf("%d bytes came from the origin, which is most of the film", n)
	}
}

// An origin that goes while a recording is played, and does not come back, leaves nothing
// hanging at its edge.
func TestOriginGoesWhileARecordingPlays(t *testing.T) {
	t.Parallel()
	key, data := filepath.Join(t.TempDir(), "link.key"), t.TempDir()
	of, stop := runWith(t, Config{LinkKeyFile: key, Data: data}, open)
	e, end := runWith(t, Config{LinkKeyFile: key, EdgeOf: of.RTMPAddr().String(), CacheDir: t.TempDir(), CacheSize: 1 << 30})
	servertest.WriteFLV(t, filepath.Join(data, "app/streams/one/film.flv"), keyframes(200, 4)...)
	c := seeing(t, e)
	c.on(1, "play", "film", 0.0)
	c.Until("video 1000")
	stop()
	c.conn.Close()
	end()
}
