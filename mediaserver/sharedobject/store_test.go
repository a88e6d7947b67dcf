package sharedobject

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

// example is an object with slots and one that was deleted.
func example(t testing.TB, name string) *Object {
	t.Helper()
	o := NewObject(name, true, Limits{}, nil)
	fill(t, o)
	return o
}

func fill(t testing.TB, o *Object) {
	t.Helper()
	o.Apply(&Message{Events: []Event{set(t, "b", 1), set(t, "a", "x"), set(t, "gone", 1)}}, all)
	o.Apply(&Message{Events: []Event{del("gone")}}, all)
	o.Apply(&Message{Events: []Event{{Type: RequestChange, Name: "c", Value: five(t)}}}, all)
}

// five is a value of AMF3.
func five(t testing.TB) Value {
	t.Helper()
	v, err := newValue([]byte("\x11\x04\x05"), true)
	if err != nil || v.Plain == nil {
		t.Fatal(v, err)
	}
	return v
}

// load loads an object, which must be there or not.
func load(t testing.TB, s *Store, name string, fresh bool) *Object {
	t.Helper()
	o := NewObject(name, true, Limits{}, nil)
	is, err := s.Load(o, Quota{}, nil)
	if err != nil || is != fresh {
		t.Fatalf("%s: fresh %v, %v; want %v", name, is, err, fresh)
	}
	return o
}

func save(t testing.TB, s *Store, o *Object, fresh bool) {
	t.Helper()
	if err := s.Save(o.Snapshot(), fresh, Quota{}); err != nil {
		t.Fatal(err)
	}
}

// bytesOf is a snapshot's file.
func bytesOf(t testing.TB, s *Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.writeTo(&b); err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) != s.Size() {
		t.Errorf("%d bytes, and %d were said", b.Len(), s.Size())
	}
	return b.Bytes()
}

func TestStoreKeepsAnObject(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "there")
	s := OpenStore(dir, StoreOptions{})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("a folder was made before it is used")
	}
	o := load(t, s, "rooms/one", true)
	first := o.Version()
	if first < 100_000_000 {
		t.Errorf("a new object begins at version %d", first)
	}
	fill(t, o)
	s.Told(o.Version())
	for i := range 2 {
		save(t, s, o, i == 0)
		again := load(t, s, "rooms/one", false)
		if got, want := say(again.State(0)), "clear b=1 a=x c=5"; got != want || again.Bytes() != o.Bytes() {
			t.Errorf("restored %q, %d bytes; want %q, %d bytes", got, again.Bytes(), want, o.Bytes())
		}
		if got := say(again.State(first + 1)); got != "-gone c=5" || again.Version() != first+3 {
			t.Errorf("who has seen the second version hears %q; the version is %d", got, again.Version())
		}
	}
	if s.Files() != 1 || s.Bytes() != o.Snapshot().Size() {
		t.Errorf("%d files, %d bytes", s.Files(), s.Bytes())
	}
	entries, err := os.ReadDir(filepath.Join(dir, "rooms"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "one.fso" {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := OpenStore(dir, StoreOptions{})
	try := func(name string, q Quota) error {
		_, err := s.Load(NewObject(name, true, Limits{}, nil), q, nil)
		return err
	}
	for _, name := range []string{"../a", "a.FSO/b", strings.Repeat("a/", 9) + "b"} {
		if err := try(name, Quota{}); !errors.Is(err, ErrBadName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := bytesOf(t, example(t, "good").Snapshot())
	for name, b := range map[string][]byte{
		"fms": []byte("\x00\xbf\x00\x00\x00\x20TCSO"), "empty": nil, "short": good[:len(good)-1], "more": append(bytes.Clone(good), 0),
		"flipped": append(append(bytes.Clone(good[:40]), good[40]^1), good[41:]...),
		"Good":    good, // as a disk says that does not mind case
	} {
		if err := os.WriteFile(filepath.Join(dir, name+extension), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]error{"fms": ErrForeign, "empty": ErrForeign, "short": ErrDamaged, "more": ErrDamaged, "flipped": ErrDamaged, "Good": ErrTaken} {
		err := try(name, Quota{})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), filepath.Join(dir, name+extension)) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if !errors.Is(want, ErrTaken) && !strings.Contains(err.Error(), "move") {
			t.Errorf("%s: the way out is not said: %v", name, err)
		}
		before, _ := os.ReadFile(filepath.Join(dir, name+extension))
		if err := s.Save(example(t, name).Snapshot(), true, Quota{}); !errors.Is(err, ErrTaken) {
			t.Errorf("%s is written over: %v", name, err)
		}
		if after, _ := os.ReadFile(filepath.Join(dir, name+extension)); string(after) != string(before) {
			t.Errorf("%s is not what it was", name)
		}
	}
	var full *QuotaError
	if err := try("new", Quota{Files: 6}); !errors.As(err, &full) || full.Bytes || full.Used != 6 {
		t.Errorf("a seventh object of six: %v", err)
	}
	if err := try("new", Quota{Files: 7}); err != nil {
		t.Errorf("a seventh object of seven: %v", err)
	}
	if err := try("newer", Quota{Files: 7}); !errors.As(err, &full) {
		t.Errorf("an eighth object of seven, while the seventh has no file yet: %v", err)
	}
	s.Forgo()
	if err := try("newer", Quota{Files: 7}); err != nil {
		t.Errorf("a seventh object of seven: %v", err)
	}
}

// What a file takes is paid for before it is read, and values have memory of their
// own: what is left of an object does not keep all of its file.
func TestLoadingIsPaidFor(t *testing.T) { // nothing beside it: it looks at the heap
	s := OpenStore(t.TempDir(), StoreOptions{})
	o := load(t, s, "large", true)
	v, err := NewValue(strings.Repeat("x", 8<<10))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 1024 {
		o.Set(fmt.Sprint(n), v)
	}
	save(t, s, o, true)
	poor := budget.New("objects", 4<<20)
	if _, err := s.Load(NewObject("large", true, Limits{}, poor), Quota{}, nil); !errors.Is(err, ErrNoBudget) || poor.Used() != 0 {
		t.Errorf("%v; %d bytes are taken", err, poor.Used())
	}
	almost := budget.New("objects", o.Snapshot().Size()+10)
	if _, err := s.Load(NewObject("large", true, Limits{}, almost), Quota{}, nil); !errors.Is(err, ErrNoBudget) || almost.Used() != 0 {
		t.Errorf("%v; %d bytes are taken", err, almost.Used())
	}
	rich := budget.New("objects", 16<<20)
	before := heapNow()
	again := NewObject("large", true, Limits{}, rich)
	if _, err := s.Load(again, Quota{}, nil); err != nil {
		t.Fatal(err)
	}
	if rich.Used() != again.paid || again.Len() != 1024 {
		t.Errorf("%d bytes are taken, the object has %d", rich.Used(), again.paid)
	}
	for n := 1; n < 1024; n++ {
		again.Delete(fmt.Sprint(n))
	}
	if grown := int64(heapNow()) - int64(before); grown > 2<<20 || rich.Used() > 1<<20 {
		t.Errorf("one slot of 8 KiB keeps %d KiB; %d bytes are taken", grown>>10, rich.Used())
	}
	again.Drop()
	if rich.Used() != 0 {
		t.Errorf("%d bytes are not given back", rich.Used())
	}
	runtime.KeepAlive(o)
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What AMF3 says in a few bytes, and AMF0 in many, is stored as it came.
func TestFilesHaveWhatCame(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	o := load(t, s, "a", true)
	raw := references(360, 170)
	v, err := newValue(raw, true)
	if err != nil {
		t.Fatal(err)
	}
	if out, ok := o.Set("s", v); !ok {
		t.Fatal(out.Why)
	}
	save(t, s, o, true)
	if size := s.Bytes(); size > int64(len(raw)+100) {
		t.Errorf("%d bytes of AMF3, which are %d of AMF0, make a file of %d", len(raw), len(v.Plain), size)
	}
	got, _ := load(t, s, "a", false).Get("s")
	if !bytes.Equal(got.Raw, v.Raw) || !bytes.Equal(got.Plain, v.Plain) {
		t.Error("it is another value now")
	}
	if _, err := amf.DecodeAll(got.As(false)); err != nil {
		t.Error(err)
	}
}

// references is an array of AMF3 that has one string of so many bytes n times.
func references(bytes, n int) []byte {
	u29 := func(b []byte, v int) []byte {
		if v >= 0x80 {
			b = append(b, byte(v>>7|0x80))
		}
		return append(b, byte(v&0x7f))
	}
	b := append(u29([]byte{0x11, 9}, n<<1|1), 1, 6) // no names
	b = append(u29(b, bytes<<1|1), strings.Repeat("x", bytes)...)
	return append(b, strings.Repeat("\x06\x00", n-1)...)
}

// A file that says anything is read, or refused, and pays for all that it makes.
func FuzzDecodeFile(f *testing.F) {
	f.Add(bytesOf(f, example(f, "a").Snapshot())[len(fileMagic):])
	f.Add([]byte(fmt.Sprintf("\x00\x00\x00\x05\x00\x00\x00\x01\x00\x01a%4s%4s", "\xff\xff\xff\xff", "\x00\x00\x00\x00")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		b = append([]byte(fileMagic), b[:len(b)-4]...)
		b = binary.BigEndian.AppendUint32(b, checksum(b))
		pays := budget.New("objects", 64<<20)
		o := NewObject("a", true, Limits{}, pays)
		name, err := o.load(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			if pays.Used() != 0 {
				t.Fatalf("%d bytes are taken", pays.Used())
			}
			return
		}
		o.Name = name
		if pays.Used() != o.paid {
			t.Fatalf("%d bytes are taken, the object has %d", pays.Used(), o.paid)
		}
		again := NewObject("a", true, Limits{}, nil)
		written := bytesOf(t, o.Snapshot())
		if _, err := again.load(bytes.NewReader(written), int64(len(written)), nil); err != nil || say(again.State(0)) != say(o.State(0)) || again.Version() != o.Version() {
			t.Fatalf("%v: %s, and then %s", err, say(o.State(0)), say(again.State(0)))
		}
	})
}
