package server

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A key that is changed counts at once, and the one before it for an hour from
// then, whether the file is a mounted Secret or one on a laptop.
func TestReplacedKeys(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"mounted", "own"} {
		t.Run(kind, func(t *testing.T) {
			data, h := t.TempDir(), newHand()
			var key interface {
				file() string
				write(string)
			} = &secret{t: t, dir: t.TempDir()}
			if kind == "own" {
				key = own{t, filepath.Join(data, "app", "keys", "one.key")}
			}
			key.write("a\n")
			s, _ := runWith(t, Config{Data: data, PublishKeyFile: key.file(), clock: h.clock()}, keyed)
			hold(t, s, "at first", map[string]string{"a": valid, "A": wrong, "": noneSent, "b": wrong})

			key.write("b\n")
			hold(t, s, "replaced", map[string]string{"b": valid, "a": valid, "c": wrong, "": noneSent})
			h.turn(time.Hour - time.Second)
			hold(t, s, "in the hour", map[string]string{"b": valid, "a": valid})
			h.turn(time.Second)
			hold(t, s, "after the hour", map[string]string{"b": valid, "a": replaced, "c": wrong})

			// What is white around a key is no change: the hour of the next begins
			// when there is another.
			key.write("\n b \n\n")
			h.tick()
			hold(t, s, "with white space", map[string]string{"b": valid, "a": replaced})

			// Nobody publishes: it is noticed all the same.
			key.write("c")
			h.tick()
			h.turn(time.Hour)
			hold(t, s, "an hour after nobody asked", map[string]string{"c": valid, "b": replaced, "a": wrong})

			// Twice in an hour: only the last one before counts. And back again.
			key.write("d")
			h.tick()
			key.write("e")
			hold(t, s, "twice", map[string]string{"e": valid, "d": valid, "c": wrong})
			key.write("d")
			hold(t, s, "and back", map[string]string{"d": valid, "e": valid, "c": wrong})
			h.turn(time.Hour)
			hold(t, s, "an hour later", map[string]string{"d": valid, "e": replaced})
		})
	}
}

func TestReplacedKeyIsRevokedAtOnce(t *testing.T) {
	t.Parallel()
	key := &secret{t: t, dir: t.TempDir()}
	key.write("a")
	s, _ := runWith(t, Config{PublishKeyFile: key.file(), clock: newHand().clock()},
		"{application: app, instance: one, access: {publish: {previousKeyFor: 0s}}}")
	hold(t, s, "at first", map[string]string{"a": valid})
	key.write("b")
	hold(t, s, "replaced", map[string]string{"b": valid, "a": replaced})
}

// The key before is remembered beside the data, and its time goes on while no
// server runs; whoever reads the volume has no key.
func TestKeysSurviveRestarts(t *testing.T) {
	t.Parallel()
	data, h, key := t.TempDir(), newHand(), &secret{t: t, dir: t.TempDir()}
	memory := filepath.Join(data, "app", "keys", ".one.last")
	start := func() (*Server, func()) {
		return runWith(t, Config{Data: data, PublishKeyFile: key.file(), clock: h.clock()}, keyed)
	}
	key.write("first key")
	_, stop := start()
	stop()

	before, err := os.Stat(memory)
	if err != nil {
		t.Fatal(err)
	}
	s, stop := start()
	h.tick()
	hold(t, s, "nothing has changed", map[string]string{"first%20key": valid})
	stop()
	if after, err := os.Stat(memory); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written although nothing had changed: %v", err)
	}

	// Changed while no server ran: the hour begins when one notices.
	key.write("second key")
	h.turn(24 * time.Hour)
	s, stop = start()
	hold(t, s, "changed without a server", map[string]string{"second%20key": valid, "first%20key": valid})
	h.turn(30 * time.Minute)
	stop()
	h.turn(29 * time.Minute)
	s, stop = start()
	hold(t, s, "after a restart in the hour", map[string]string{"second%20key": valid, "first%20key": valid})
	h.turn(time.Minute)
	hold(t, s, "after the hour", map[string]string{"second%20key": valid, "first%20key": replaced})
	stop()
	s, stop = start()
	hold(t, s, "after another restart", map[string]string{"second%20key": valid, "first%20key": replaced})
	stop()

	info, err := os.Stat(memory)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(memory)
	if err != nil || bytes.Contains(b, []byte("first")) || bytes.Contains(b, []byte("second")) {
		t.Errorf("a key is in the memory: %s, %v", b, err)
	}

	// A clock that was ahead when the key was replaced gives it no more than
	// its hour.
	h.turn(1000 * time.Hour)
	key.write("third key")
	_, stop = start()
	stop()
	h.turn(-1000 * time.Hour)
	s, _ = start()
	h.turn(time.Hour)
	hold(t, s, "by a clock that was ahead", map[string]string{"third%20key": valid, "second%20key": replaced})
}

// A memory that is no memory, or cannot be written, takes no key away that is
// in the file, and the log hears of it once.
func TestKeysWithoutMemory(t *testing.T) {
	t.Parallel()
	data, h, key, log := t.TempDir(), newHand(), &secret{t: t, dir: t.TempDir()}, &said{}
	keys := filepath.Join(data, "app", "keys")
	if err := os.Mkdir(filepath.Join(data, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, nil, 0o600); err != nil { // where the folder belongs
		t.Fatal(err)
	}
	key.write("a")
	cfg := Config{Data: data, PublishKeyFile: key.file(), clock: h.clock(), Log: log.log()}
	s, stop := runWith(t, cfg, keyed)
	const cannot = "cannot be remembered"
	for range 10 {
		h.tick()
	}
	key.write("b")
	h.turn(10 * retryEvery)
	hold(t, s, "with no place for it", map[string]string{"b": valid, "a": valid, "": noneSent})
	if n := log.count(cannot); n != 1 {
		t.Errorf("%q is said %d times", cannot, n)
	}
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	h.turn(retryEvery)
	h.tick()
	stop()
	s, stop = runWith(t, cfg, keyed)
	hold(t, s, "remembered when there was room", map[string]string{"b": valid, "a": valid})
	stop()

	for _, bad := range []string{"", "{", "null", `{"current":{}}`, `{"current":{"salt":"YQ==","sum":"YQ=="}}`} {
		if err := os.WriteFile(filepath.Join(keys, ".one.last"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		s, stop := runWith(t, cfg, keyed)
		hold(t, s, fmt.Sprintf("with the memory %q", bad), map[string]string{"b": valid, "a": wrong, "": noneSent})
		stop()
	}
}

// Without a key a server starts, is ready and plays; only publishers are
// refused, and told why. The log says it once.
func TestServerWithoutKey(t *testing.T) {
	t.Parallel()
	h, key, log := newHand(), &secret{t: t, dir: t.TempDir()}, &said{}
	s, _ := runWith(t, Config{PublishKeyFile: filepath.Join(key.dir, "key"), clock: h.clock(), Log: log.log()}, keyed)
	const said, there = "nobody can publish", "publishing is possible"
	h.tick()
	hold(t, s, "without a key", map[string]string{"a": noneHere, "": noneHere})
	if code, body := get(t, "http://"+s.HTTPAddr().String()+"/readyz"); code != 200 {
		t.Errorf("not ready: %d %s", code, body)
	}
	put(t, s, 0, "film", 1)
	v := connect(t, s, "app/one").hello()
	v.on(1, "play", "film", 0.0)
	v.expect("event 4", "event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start")
	if code, body := ask(t, s, "DELETE", "/recordings/app/one/film", "Authorization", "Bearer a"); code != 503 || !strings.Contains(body, "the server has no key") {
		t.Errorf("deleting without a key: %d %s", code, body)
	}
	if n := log.count(said); n != 1 {
		t.Errorf("%q is said %d times", said, n)
	}

	key.write("a")
	hold(t, s, "it came", map[string]string{"a": valid, "b": wrong})
	key.write(" \n")
	hold(t, s, "empty", map[string]string{"a": noneHere, "": noneHere})
	key.write("a")
	hold(t, s, "it came back", map[string]string{"a": valid, "b": wrong})
	if gone, back := log.count(said), log.count(there); gone != 2 || back != 2 {
		t.Errorf("%q is said %d times, %q %d times", said, gone, there, back)
	}

	// Taken away, and another given: that is a change like any other.
	if err := os.Remove(key.file()); err != nil {
		t.Fatal(err)
	}
	hold(t, s, "taken away", map[string]string{"a": noneHere})
	if err := os.WriteFile(key.file(), []byte("b"), 0o600); err != nil {
		t.Fatal(err)
	}
	hold(t, s, "another", map[string]string{"b": valid, "a": valid})
	if err := os.WriteFile(key.file(), bytes.Repeat([]byte("b"), maxKey+1), 0o600); err != nil {
		t.Fatal(err)
	}
	hold(t, s, "a file that is no key", map[string]string{"b": noneHere})
}

// Deleting asks for the same keys as publishing.
func TestReplacedKeysDelete(t *testing.T) {
	t.Parallel()
	h, key := newHand(), &secret{t: t, dir: t.TempDir()}
	key.write("a")
	s, _ := runWith(t, Config{PublishKeyFile: key.file(), clock: h.clock()}, keyed)
	remove := func(key string) (int, string) {
		put(t, s, 0, "x", 1)
		return ask(t, s, "DELETE", "/recordings/app/one/x", "Authorization", "Bearer "+key)
	}
	if code, body := remove("a"); code != 204 {
		t.Errorf("%d %s", code, body)
	}
	key.write("b")
	for _, one := range []string{"b", "a"} {
		if code, body := remove(one); code != 204 {
			t.Errorf("%s: %d %s", one, code, body)
		}
	}
	h.turn(time.Hour)
	for one, want := range map[string]string{"a": replaced, "c": "this is not the publish key", "": "none was given"} {
		if code, body := remove(one); code != 401 || !strings.Contains(body, want) {
			t.Errorf("%q: %d %s; want %q", one, code, body, want)
		}
	}
}

// Refusals are counted by reason; the log has no key.
func TestRefusedPublicationsAreToldApart(t *testing.T) {
	t.Parallel()
	key, log := &secret{t: t, dir: t.TempDir()}, &said{}
	key.write("TheKey")
	s, _ := runWith(t, Config{PublishKeyFile: key.file(), Log: log.log()}, "{application: app, instance: one, limits: {maxStreams: 1}, access: {publish: {takeOver: Never}}}")
	c := connect(t, s, "app/one").hello()
	refused := func(name string) {
		t.Helper()
		c.on(1, "publish", name, "live")
		c.expect("onStatus NetStream.Publish.BadName")
	}
	refused("cam")
	refused("cam?key=")
	refused("cam?key=TheWrongOne")
	refused("?key=TheKey")
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", "cam?key=TheKey", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	refused("cam?key=TheKey")
	refused("other?key=TheKey")
	for range 2 {
		refused("cam?key=TheWrongOne")
	}
	_, metrics := get(t, "http://"+s.HTTPAddr().String()+"/metrics")
	for reason, n := range map[string]int{
		"no key given": 2, "wrong key": 3, "bad name or mode": 1, "name is taken": 1, "limit reached": 1, "key was replaced": 0, "server has no key": 0,
	} {
		if want := fmt.Sprintf("flashpod_refused_publications_total{application=\"app\",instance=\"one\",reason=%q} %d\n", reason, n); !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if log.count("TheKey") != 0 || log.count("TheWrongOne") != 0 {
		t.Error("a key is in the log")
	}
	if n := log.count("publish refused"); n < 6 {
		t.Errorf("%d lines about refusals", n)
	}
	if log.count(`reason="no key given"`) != 2 || log.count(`reason="wrong key"`) == 0 || log.count("spec.limits.maxStreams is 1") != 1 {
		t.Error("the log does not tell the reasons apart")
	}
}
