package sharedobject

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// changeOften changes an object as often as that, and says the version that clients hear.
func changeOften(t *testing.T, s *Store, o *Object, changes int) uint32 {
	t.Helper()
	for range changes {
		o.Apply(&Message{Events: []Event{set(t, "x", 1)}}, all)
		if s.Told(o.Version()) {
			if err := s.Raise(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return o.Version()
}

// No version of a name means two things, however the object before has ended.
func TestVersionsDoNotRepeat(t *testing.T) {
	t.Parallel()
	const changes = 100_000 // faster than any clock of seconds
	for name, c := range map[string]struct {
		// end is what becomes of the object and its server; next is the server
		// after it, whose clock has not moved.
		end   func(t *testing.T, s *Store, o *Object)
		same  bool // it is the same server
		fresh bool // there is no file
	}{
		"killed before it was written": {func(*testing.T, *Store, *Object) {}, false, true},
		"killed, and the file is old": {func(t *testing.T, s *Store, o *Object) {
			save(t, s, o, true)
			changeOften(t, s, o, changes)
		}, false, false},
		"removed": {func(t *testing.T, s *Store, o *Object) {
			save(t, s, o, true)
			o.Delete("x")
			s.Told(o.Version())
			remove(t, s, o)
		}, true, true},
		"removed, and the server has ended": {func(t *testing.T, s *Store, o *Object) {
			save(t, s, o, true)
			o.Delete("x")
			s.Told(o.Version())
			remove(t, s, o)
			end(t, s)
		}, false, true},
		"its file is lost": {func(t *testing.T, s *Store, o *Object) {
			save(t, s, o, true)
			if err := os.Remove(filepath.Join(s.dir, "rooms", "one.fso")); err != nil {
				t.Error(err)
			}
		}, true, true},
		"its file is lost, and the server was killed": {func(t *testing.T, s *Store, o *Object) {
			save(t, s, o, true)
			if err := os.Remove(filepath.Join(s.dir, "rooms", "one.fso")); err != nil {
				t.Error(err)
			}
		}, false, true},
		"never written": {func(*testing.T, *Store, *Object) {}, true, true},
		"killed, and used by the second server after that": {func(t *testing.T, s *Store, o *Object) {
			save(t, s, o, true)
			changeOften(t, s, o, changes)
			second := OpenStore(s.dir, StoreOptions{})
			load(t, second, "rooms/two", true)
			end(t, second)
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := OpenStore(t.TempDir(), StoreOptions{})
			o := load(t, s, "rooms/one", true)
			changeOften(t, s, o, changes)
			c.end(t, s, o)
			if !c.same {
				s = OpenStore(s.dir, StoreOptions{})
			}
			next := load(t, s, "rooms/one", c.fresh)
			if next.Version() <= o.Version() || next.Recent(o.Version()) || next.Recent(o.Version()-1) {
				t.Errorf("it goes on at version %d, and %d was told", next.Version(), o.Version())
			}
			if next.Version()-o.Version() > 2*reserve {
				t.Errorf("it goes on at version %d, far above %d", next.Version(), o.Version())
			}
		})
	}
}

func remove(t *testing.T, s *Store, o *Object) {
	t.Helper()
	if err := s.Remove(o.Name); err != nil {
		t.Fatal(err)
	}
}

func end(t *testing.T, s *Store) {
	t.Helper()
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
}

// A server that has ended, and not been killed, is believed: clients that come back
// hear what has changed, and nothing else.
func TestVersionsGoOnAfterAnEnd(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	o := load(t, s, "a", true)
	seen := changeOften(t, s, o, 10)
	o.Apply(&Message{Events: []Event{set(t, "y", 2)}}, all)
	s.Told(o.Version())
	save(t, s, o, true)
	end(t, s)
	for range 3 {
		s = OpenStore(s.dir, StoreOptions{})
		again := load(t, s, "a", false)
		if got := say(again.State(seen)); got != "y=2" || again.Version() != o.Version() {
			t.Errorf("version %d, and %s; want %d and the change alone", again.Version(), got, o.Version())
		}
		end(t, s)
	}
	// It is used again behind its end, and killed.
	s = OpenStore(s.dir, StoreOptions{})
	again := load(t, s, "a", false)
	end(t, s)
	changeOften(t, s, again, 1)
	s = OpenStore(s.dir, StoreOptions{})
	if next := load(t, s, "a", false); next.Version() <= again.Version() {
		t.Errorf("it goes on at version %d, and %d was told", next.Version(), again.Version())
	}
}

// Where what was noted is lost, or says nothing, the clock is left.
func TestVersionsWithoutTheirFile(t *testing.T) {
	t.Parallel()
	for _, b := range []string{"", "Flashpod versions 1\n\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"} {
		s := OpenStore(t.TempDir(), StoreOptions{})
		load(t, s, "a", true)
		save(t, s, example(t, "a"), true) // of version 4, as long ago
		if err := os.WriteFile(filepath.Join(s.dir, versionsFile), []byte(b), 0o644); err != nil {
			t.Fatal(err)
		}
		s = OpenStore(s.dir, StoreOptions{})
		now := clockVersion(time.Now())
		if next := load(t, s, "a", false); next.Version() < now-10 || next.Recent(4) {
			t.Errorf("version %d, and it is %d by the clock", next.Version(), now)
		}
	}
	// A file that is ahead of the clock may have been behind what was told, too.
	s := OpenStore(t.TempDir(), StoreOptions{})
	o := load(t, s, "a", true)
	o.goOnAt(1 << 30)
	changeOften(t, s, o, 1)
	save(t, s, o, true)
	if err := os.Remove(filepath.Join(s.dir, versionsFile)); err != nil {
		t.Fatal(err)
	}
	s = OpenStore(s.dir, StoreOptions{})
	next := load(t, s, "a", false)
	if next.Version() <= o.Version()+1000 || next.Recent(o.Version()) {
		t.Errorf("it goes on at version %d, and its file says %d", next.Version(), o.Version())
	}
	s = OpenStore(s.dir, StoreOptions{}) // killed
	if fresh := load(t, s, "b", true); fresh.Version() <= next.Version() {
		t.Errorf("a new object begins at version %d, and %d was told", fresh.Version(), next.Version())
	}
	for at, want := range map[time.Time]uint32{
		{}: 1, time.Date(2020, 1, 1, 1, 0, 0, 0, time.UTC): 3600, time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC): 1 << 30,
	} {
		if got := clockVersion(at); got != want {
			t.Errorf("in %v, version %d; want %d", at, got, want)
		}
	}
}
