package command

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/hack/e2e/selfsigned"
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/server"
)

// asProgram has the tests' own binary be the program.
const asProgram = "FLASHPOD_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Execute("test"))
	}
	goleak.VerifyTestMain(m)
}

// served is a server that runs until the test ends.
type served struct {
	*server.Server
	url, secure string // of the instance
	ca          string
	stop        func()
}

func serveOne(t *testing.T, spec string) *served {
	t.Helper()
	docs, err := manifest.Load(strings.NewReader("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\nspec: {application: app, "+spec+"access: {publish: {mode: Anyone}}}"), "test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key, err := selfsigned.Pair("localhost")
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(certFile, cert, 0o600), os.WriteFile(keyFile, key, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{
		Data: dir, RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0",
		RTMPSAddress: "127.0.0.1:0", TLSCertFile: certFile, TLSKeyFile: keyFile,
	}, docs)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	_, port, err := net.SplitHostPort(s.RTMPSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	one := &served{Server: s, url: "rtmp://" + s.RTMPAddr().String() + "/app/one", secure: "rtmps://localhost:" + port + "/app/one", ca: certFile}
	one.stop = func() { cancel(); <-done }
	t.Cleanup(one.stop)
	return one
}

// film writes an FLV file of ten pictures a second, a keyframe each second, and
// as much sound.
func film(t *testing.T, seconds int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film.flv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := flv.Create(f)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := amf.Append(nil, "onMetaData")
	if err == nil {
		meta, err = amf.Append(meta, amf.NewECMAArray("title", "a film"))
	}
	if err != nil || !w.SetMeta(meta) {
		t.Fatal("no metadata", err)
	}
	write := func(kind uint8, ms int, data ...byte) {
		if err := w.Write(flv.Tag{Type: kind, Timestamp: media.Timestamp(ms), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	write(flv.TypeVideo, 0, 0x17, 0, 0, 0, 0, 1)
	write(flv.TypeAudio, 0, 0xaf, 0, 0x12, 0x10)
	for ms := 0; ms < seconds*1000; ms += 100 {
		frame := byte(0x27)
		if ms%1000 == 0 {
			frame = 0x17
		}
		write(flv.TypeVideo, ms, frame, 1, 0, 0, 0, byte(ms/100))
		write(flv.TypeAudio, ms+20, 0xaf, 1, byte(ms/100))
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return path
}

// flashpod runs a command line to its end.
func flashpod(ctx context.Context, in io.Reader, args ...string) (stdout string, err error) {
	cmd := rootCommand("test")
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(in)
	cmd.SetOut(&out)
	err = cmd.ExecuteContext(ctx)
	return out.String(), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := flashpod(t.Context(), nil, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out
}

// seen is what is in an FLV stream.
type seen struct {
	pictures, keyframes, headers, sounds int
	first, last                          media.Timestamp // of pictures
	firstPicture                         byte            // what film wrote into it
	back                                 bool            // times of pictures go back
	title                                bool
}

func look(t *testing.T, r io.Reader) (s seen) {
	t.Helper()
	in, err := flv.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	for {
		tag, err := in.Next()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case tag.Type == flv.TypeScript:
			s.title = s.title || bytes.Contains(tag.Data, []byte("a film"))
		case tag.Type == flv.TypeAudio && !payload.IsAudioHeader(tag.Data):
			s.sounds++
		case payload.IsVideoHeader(tag.Data), payload.IsAudioHeader(tag.Data):
			s.headers++
		default:
			if s.pictures == 0 {
				s.first, s.firstPicture = tag.Timestamp, tag.Data[5]
			}
			s.pictures++
			if payload.IsKeyframe(tag.Data) {
				s.keyframes++
			}
			s.back = s.back || tag.Timestamp < s.last
			s.last = tag.Timestamp
		}
	}
}

func lookFile(t *testing.T, path string) seen {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return look(t, f)
}

func TestPublishAndPlayAFile(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "")
	path, dir := film(t, 10), t.TempDir()
	recorded := func(name string) seen { return lookFile(t, filepath.Join(s.Served()[0].Streams, name+".flv")) }
	for _, c := range []struct {
		name string
		args []string
		want seen
	}{
		{"all", nil, seen{100, 10, 2, 100, 0, 9900, 0, false, true}},
		{"part", []string{"--start", "4500ms", "--for", "2s"}, seen{20, 2, 2, 20, 0, 1900, 40, false, true}},
		{"loop", []string{"--start", "8s", "--for", "5s", "--loop"}, seen{50, 6, 2, 50, 0, 4900, 80, false, true}},
	} {
		must(t, append([]string{"publish", path, s.url + "/" + c.name, "--mode", "record", "--fast"}, c.args...)...)
		got := recorded(c.name)
		if c.name == "loop" { // 8.0 to 9.92 s of it, two and a half times
			c.want.keyframes, got.keyframes = 0, 0
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}

	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := flashpod(t.Context(), file, "publish", "-", s.url+"/piped", "--mode", "record", "--fast"); err != nil {
		t.Fatal(err)
	}
	if got, want := recorded("piped"), recorded("all"); got != want {
		t.Errorf("through a pipe: %+v, want %+v", got, want)
	}

	out := filepath.Join(dir, "out.flv")
	must(t, "play", s.url+"/part", "-o", out)
	if got, want := lookFile(t, out), recorded("part"); got != want {
		t.Errorf("played: %+v, want %+v", got, want)
	}
	piped := must(t, "play", s.secure+"/all", "--ca", s.ca, "-o", "-", "--start", "3s", "--for", "1s")
	if got, want := look(t, strings.NewReader(piped)), (seen{10, 1, 2, 10, 0, 900, 30, false, true}); got != want {
		t.Errorf("played into a pipe: %+v, want %+v", got, want)
	}
	// The pictures of the half second from the keyframe on come all at once.
	piped = must(t, "play", s.url+"/all", "-o", "-", "--start", "3500ms", "--for", "1s")
	if got, want := look(t, strings.NewReader(piped)), (seen{15, 2, 2, 10, 0, 900, 30, false, true}); got != want {
		t.Errorf("played from between two keyframes: %+v, want %+v", got, want)
	}
}

func TestWhatFailsSaysWhyAndHow(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "recording: {mode: 'Off'}, ")
	path, dir := film(t, 1), t.TempDir()
	text := filepath.Join(dir, "text.flv")
	if err := os.WriteFile(text, []byte("no film at all, but long enough to be one"), 0o600); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "kept")
	if err := os.WriteFile(kept, []byte("of value"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, `unknown command "serv": is it serve? See flashpod --help`, []string{"serv"}},
		{2, `unknown command "all": see flashpod recordings --help`, []string{"recordings", "all"}},
		{2, "publish needs FILE and URL: see flashpod publish --help", []string{"publish"}},
		{2, "publish needs URL", []string{"publish", path}},
		{2, `takes no more than URL, and "b" is more`, []string{"play", "a", "b"}},
		{2, "unknown flag: --nothing", []string{"play", "a", "--nothing"}},
		{2, `--mode "loud": choose live`, []string{"publish", path, s.url + "/x", "--mode", "loud"}},
		{2, "a time is not negative", []string{"publish", path, s.url + "/x", "--for", "-1s"}},
		{2, "--start 2s: it ends after 920ms", []string{"publish", path, s.url + "/x", "--start", "2s"}},
		{2, "standard input cannot be read twice", []string{"publish", "-", s.url + "/x", "--loop"}},
		{2, "a live stream has no start", []string{"play", s.url + "/x", "--live", "--start", "1s"}},
		{2, `--connect: value "{" is no JSON`, []string{"play", s.url + "/x", "--connect", "{"}},
		{2, `--connect: value "{" is no JSON`, []string{"shared-object", "get", s.url, "users", "--connect", "{"}},
		{2, `scheme is "http"`, []string{"play", "http://127.0.0.1/a/b"}},
		{2, "names no stream", []string{"play", "rtmp://127.0.0.1/a"}},
		{1, "no such file", []string{"publish", filepath.Join(dir, "none"), s.url + "/x"}},
		{1, "is a folder", []string{"publish", dir, s.url + "/x"}},
		{1, "is no file that can be published, which are: FLV, MP4, F4V, MOV, MP3", []string{"publish", text, s.url + "/x"}},
		{1, "connection refused", []string{"play", "rtmp://127.0.0.1:1/a/b"}},
		{1, `is not defined. (the URL asks for stream "x" of "other/one"`, []string{"play", strings.Replace(s.url, "/app/", "/other/", 1) + "/x"}},
		{1, "HTTP has another port", []string{"play", "rtmp://" + s.HTTPAddr().String() + "/app/one/x"}},
		{1, "NetStream.Play.StreamNotFound", []string{"play", s.url + "/x", "--start", "0s", "-o", kept}},
		{1, "nothing came", []string{"play", s.url + "/x", "--for", "10ms", "-o", kept}},
		{1, "Record.NoAccess: Not recorded: recording is off", []string{"publish", path, s.url + "/x", "--mode", "record"}},
		{1, "trust one of your own with --ca", []string{"play", s.secure + "/x"}},
		{1, "no certificate in it", []string{"play", s.secure + "/x", "--ca", path}},
	} {
		_, err := flashpod(t.Context(), strings.NewReader(""), c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || exitCode(err) != c.code {
			t.Errorf("%q ends with code %d and %v; want %d and %q", c.args, exitCode(err), err, c.code, c.want)
		}
	}
	if b, err := os.ReadFile(kept); err != nil || string(b) != "of value" {
		t.Errorf("a file was lost to a stream that never came: %q, %v", b, err)
	}
}

// background runs a command line until a signal comes, or by itself.
func background(args ...string) (signal func(os.Signal), ended chan error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ended = make(chan error, 1)
	go func() {
		_, err := flashpod(ctx, nil, args...)
		ended <- err
	}()
	return func(s os.Signal) { cancel(interrupted{s}) }, ended
}

// begun says whether a picture is in an FLV file.
func begun(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	x, err := flv.Scan(f, info.Size())
	return err == nil && len(x.Entries) > 0 && x.HasVideo
}

// until waits for what a server counts.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !is(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("waited for " + what)
		}
	}
}

func TestSignalsFinishWhatWasBegun(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "")
	path, out := film(t, 600), filepath.Join(t.TempDir(), "out.flv")
	publisher, published := background("publish", path, s.url+"/cam", "--mode", "record")
	until(t, "a publisher", func() bool { return s.Stats()[0].Streams == 1 })
	if _, err := flashpod(t.Context(), nil, "publish", path, s.url+"/cam"); err == nil || !strings.Contains(err.Error(), "cam is already published") || exitCode(err) != 1 {
		t.Errorf("a name that is taken: %v", err)
	}
	player, played := background("play", s.url+"/cam", "-o", out)
	until(t, "a picture", func() bool { return begun(out) })
	player(os.Interrupt)
	if err := <-played; exitCode(err) != 130 {
		t.Errorf("Ctrl-C ends play with %v", err)
	}
	if got := lookFile(t, out); got.pictures == 0 || got.headers != 2 {
		t.Errorf("%+v", got)
	}
	publisher(syscall.SIGTERM)
	if err := <-published; exitCode(err) != 143 {
		t.Errorf("SIGTERM ends publish with %v", err)
	}
	// The server was told: its recording is whole.
	if b, err := os.ReadFile(filepath.Join(s.Served()[0].Streams, "cam.flv")); err != nil || !bytes.Contains(b, []byte("filesize")) {
		t.Errorf("not finished: %v", err)
	}
}

func TestServerThatGoesEndsBoth(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "")
	out := filepath.Join(t.TempDir(), "out.flv")
	_, published := background("publish", film(t, 600), s.url+"/cam", "--loop")
	until(t, "a publisher", func() bool { return s.Stats()[0].Streams == 1 })
	_, played := background("play", s.url+"/cam", "-o", out)
	until(t, "a picture", func() bool { return begun(out) })
	s.stop()
	for _, ended := range []chan error{published, played} {
		// The player may hear of the publisher's end first, which is an end as well.
		if err := <-ended; ended == published && exitCode(err) != 1 {
			t.Errorf("ended with %v", err)
		}
	}
	if got := lookFile(t, out); got.pictures == 0 {
		t.Errorf("%+v", got)
	}
}
