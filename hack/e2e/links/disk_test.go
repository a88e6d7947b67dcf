//go:build clients

package links

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// fill takes all room of the origin's disk.
func (s *server) fill() {
	s.t.Helper()
	f, err := os.Create(filepath.Join(s.data, "ballast"))
	must(s.t, err)
	defer f.Close()
	for b := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(b)
	}
}

// The disk of an origin is full: what is live goes on at its edges, a publisher there hears
// that its recording has ended, or is not begun, and shared objects go on in memory, which
// the log tells. Once there is room, both are written again.
func TestFullDisk(t *testing.T) {
	if *long {
		return
	}
	t.Parallel()
	const of = "the disk of the origin is full"
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := newHouseOn(t, 96)
	e, other := h.edge("edge"), h.edge("another edge")
	cam := connect(t, "publisher at the edge, with record", e).publishes("cam", "record", aMegabit, 0)
	cam.hears(0, "Record.Start")
	viewers := map[*client]*publisher{connect(t, "viewer at the edge", e).plays("cam", cam): cam, connect(t, "viewer at another edge", other).plays("cam", cam): cam}
	one, another := connect(t, "client of an object at the edge", e), connect(t, "client of an object at another edge", other)
	ours, theirs := one.nc.SharedObject("wall", true), another.nc.SharedObject("wall", true)
	must(t, ours.Use(ctx))
	must(t, theirs.Use(ctx))
	changes := 0
	change := func() {
		t.Helper()
		changes++
		want := fmt.Sprint("brick ", changes)
		must(t, ours.Set(ctx, "brick", want))
		until(t, "the other edge's client has "+want, func() bool { v, _ := theirs.Get("brick"); return v == want })
	}
	change()
	allPast(viewers, gop)

	h.origin.fill()
	told := cam.hears(0, "Record.Failed")
	change()
	h.origin.logged("level=ERROR", "shared object cannot be written")
	change()
	late := connect(t, "another publisher at the edge, with record", e).publishes("news", "record", aMegabit, 0)
	late.hears(0, "Record.Failed")
	allPast(viewers, gop)
	for c := range viewers {
		if l := c.tells(of, 2, 0); l.missing != 0 || len(l.said) != 0 {
			t.Errorf("%s has lost %v, and was told %q", c.name, l.missing, l.said)
		}
	}
	cam.tellsOnly(of, 0)
	late.tellsOnly(of, 0)
	if said := cam.said(told); len(said) != 0 {
		t.Errorf("the publisher was told %q", said)
	}

	must(t, os.Remove(filepath.Join(h.origin.data, "ballast")))
	object := filepath.Join(h.origin.data, "live", "sharedobjects", "_definst_", "wall.fso")
	until(t, "the object is written", func() bool {
		change()
		b, err := os.ReadFile(object)
		return err == nil && slices.Contains(h.origin.bricks(b), fmt.Sprint("brick ", changes))
	})
}

// bricks are those that are in the file of an object.
func (s *server) bricks(b []byte) (all []string) {
	for n := range len(b) {
		var brick int
		if _, err := fmt.Sscanf(string(b[n:min(len(b), n+16)]), "brick %d", &brick); err == nil {
			all = append(all, fmt.Sprint("brick ", brick))
		}
	}
	return all
}

// newHouseOn starts an origin whose disk has so many MiB.
func newHouseOn(t *testing.T, size int) *house {
	t.Helper()
	return newHouse(t, func(data string) {
		must(t, syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%dm", size)))
		t.Cleanup(func() { must(t, syscall.Unmount(data, syscall.MNT_DETACH)) })
	})
}
