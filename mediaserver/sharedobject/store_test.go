package sharedobject

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// example is an object with slots and one that was deleted.
func example(t testing.TB, name string) *Object {
	t.Helper()
	o := NewObject(name, true, Limits{}, nil)
	o.Apply(&Message{Events: []Event{set(t, "b", 1), set(t, "a", "x"), set(t, "gone", 1)}}, all)
	o.Apply(&Message{Events: []Event{del("gone")}}, all)
	o.Apply(&Message{Events: []Event{{Type: RequestChange, Name: "c", Value: Value{Raw: []byte("\x11\x04\x05"), Plain: []byte("\x00\x40\x14\x00\x00\x00\x00\x00\x00")}}}}, all)
	return o
}

func TestStoreKeepsAnObject(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "there")
	s := OpenStore(dir, nil)
	if got, err := s.Load("rooms/one", 0); got != nil || err != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("a folder was made for what is only read")
	}
	o := example(t, "rooms/one")
	for i, inUse := range []bool{true, false} {
		if err := s.Save(o.Snapshot(inUse), i == 0); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load("rooms/one", 0)
		if err != nil {
			t.Fatal(err)
		}
		again := NewObject("rooms/one", true, Limits{}, nil)
		if !again.Restore(got) {
			t.Fatal("not restored")
		}
		if got, want := say(again.State(0)), "clear b=1 a=x c=5"; got != want || again.Bytes() != o.Bytes() {
			t.Errorf("restored %q, %d bytes; want %q, %d bytes", got, again.Bytes(), want, o.Bytes())
		}
		if inUse {
			// What a client has seen last may never have reached the disk.
			if again.Version() <= o.Version() || again.Recent(o.Version()) {
				t.Errorf("version %d after a crash at %d", again.Version(), o.Version())
			}
			continue
		}
		if got := say(again.State(2)); got != "-gone c=5" || again.Version() != 4 {
			t.Errorf("who has seen version 2 hears %q; the version is %d", got, again.Version())
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "rooms"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "one.fso" {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := OpenStore(dir, []string{"lobby"})
	for _, name := range []string{"../a", "lobby/a", "a.FSO/b", strings.Repeat("a/", 9) + "b"} {
		if _, err := s.Load(name, 0); !errors.Is(err, ErrBadName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := example(t, "good").Snapshot(false).encode()
	for name, b := range map[string][]byte{
		"fms": []byte("\x00\xbf\x00\x00\x00\x20TCSO"), "empty": nil, "short": good[:len(good)-1], "flipped": append(append([]byte(nil), good[:40]...), append([]byte{good[40] ^ 1}, good[41:]...)...),
		"Good": good, // as a disk says that does not mind case
	} {
		if err := os.WriteFile(filepath.Join(dir, name+extension), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]error{"fms": ErrForeign, "empty": ErrForeign, "short": ErrDamaged, "flipped": ErrDamaged, "Good": ErrTaken} {
		_, err := s.Load(name, 0)
		if !errors.Is(err, want) || !strings.Contains(err.Error(), filepath.Join(dir, name+extension)) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		before, _ := os.ReadFile(filepath.Join(dir, name+extension))
		if err := s.Save(example(t, name).Snapshot(false), true); !errors.Is(err, ErrTaken) {
			t.Errorf("%s is written over: %v", name, err)
		}
		if after, _ := os.ReadFile(filepath.Join(dir, name+extension)); string(after) != string(before) {
			t.Errorf("%s is not what it was", name)
		}
	}
	if _, err := s.Load("new", 5); !errors.Is(err, ErrFull) {
		t.Errorf("a sixth object of five: %v", err)
	}
	if _, err := s.Load("new", 6); err != nil {
		t.Errorf("a sixth object of six: %v", err)
	}
	b := budget.New("objects", 100)
	snapshot, err := decode(good)
	if err != nil {
		t.Fatal(err)
	}
	if NewObject("good", true, Limits{}, b).Restore(snapshot) || b.Used() != 0 {
		t.Errorf("restored though nothing pays for it; %d bytes are taken", b.Used())
	}
}

// A file that says anything is read, or refused.
func FuzzDecodeFile(f *testing.F) {
	f.Add(example(f, "a").Snapshot(true).encode()[len(fileMagic):])
	f.Add([]byte(fmt.Sprintf("\x00%8s\x00\x01a\xff\xff\xff\xff", "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = seal(append([]byte(fileMagic), b...))
		s, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(s.encode())
		if err != nil || len(again.slots) != len(s.slots) || len(again.gone) != len(s.gone) {
			t.Fatalf("%+v, %v", again, err)
		}
		NewObject(s.Name, true, Limits{}, nil).Restore(s)
	})
}
