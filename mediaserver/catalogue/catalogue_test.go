package catalogue_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

const rightKey = "right"

// shelf has recordings of some names, which need not play.
func shelf(t *testing.T, application, instance string, keyed bool, names ...string) catalogue.Shelf {
	t.Helper()
	dir := t.TempDir()
	store, err := recording.Open(dir, nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name+".flv"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := catalogue.Shelf{Application: application, Instance: instance, Store: store}
	if keyed {
		s.Authorize = func(key string) *session.Refusal {
			if key == rightKey {
				return nil
			}
			return &session.Refusal{Code: session.RefusedWrongKey}
		}
	}
	return s
}

// TestPagesGoOverInstances lists by pages of every size.
func TestPagesGoOverInstances(t *testing.T) {
	t.Parallel()
	shelves := []catalogue.Shelf{
		shelf(t, "b", "one", false, "x", "y"), shelf(t, "a", "two", false, "x"),
		shelf(t, "a", "empty", false), shelf(t, "a", "one", false, "z", "y"),
	}
	place := func(application, instance, name string) catalogue.Place {
		return catalogue.Place{Application: application, Instance: instance, Name: name}
	}
	want := []catalogue.Place{place("a", "one", "y"), place("a", "one", "z"), place("a", "two", "x"), place("b", "one", "x"), place("b", "one", "y")}
	c := catalogue.New(func() []catalogue.Shelf { return shelves })
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []catalogue.Place
		for q, more := (catalogue.Query{Limit: limit}), true; more; {
			page, next, err := c.List(t.Context(), q)
			more = next != catalogue.Place{}
			if err != nil || len(page) > limit || more && len(page) < limit {
				t.Fatalf("by %d: %d recordings, %v, %v", limit, len(page), more, err)
			}
			for _, one := range page {
				got = append(got, one.Place())
			}
			q.After = next
		}
		if len(got) != len(want) {
			t.Fatalf("by %d: %v", limit, got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("by %d: %v, want %v", limit, got[i], want[i])
			}
		}
	}
	of := apppath.Path{Application: "a", Instance: "one"}
	page, next, err := c.List(t.Context(), catalogue.Query{Of: &of, Limit: 9, After: want[0]})
	if err != nil || next != (catalogue.Place{}) || len(page) != 1 || page[0].Place() != want[1] {
		t.Errorf("of %v: %v, %v, %v", of, page, next, err)
	}
	of.Instance = "none"
	var notServed *catalogue.NotServedError
	if _, _, err := c.List(t.Context(), catalogue.Query{Of: &of, Limit: 9}); !errors.As(err, &notServed) {
		t.Errorf("of %v: %v", of, err)
	}
	if _, err := c.Find(t.Context(), of, "x"); !errors.As(err, &notServed) {
		t.Errorf("find in %v: %v", of, err)
	}
}

// TestWhoMayDelete has every caller delete in instances with and without a key.
func TestWhoMayDelete(t *testing.T) {
	t.Parallel()
	key := func(k string) *string { return &k }
	for _, c := range []struct {
		keyed     bool
		by        catalogue.Caller
		refused   bool
		objection catalogue.Objection
	}{
		{false, catalogue.Caller{Local: true}, false, 0},
		{false, catalogue.Caller{Local: true, Key: key("any")}, false, 0},
		{false, catalogue.Caller{}, true, catalogue.Elsewhere},
		{false, catalogue.Caller{Key: key(rightKey)}, true, catalogue.Elsewhere},
		{true, catalogue.Caller{Local: true}, true, catalogue.KeyMissing},
		{true, catalogue.Caller{}, true, catalogue.KeyMissing},
		{true, catalogue.Caller{Local: true, Key: key("wrong")}, true, catalogue.KeyRefused},
		{true, catalogue.Caller{Key: key(rightKey)}, false, 0},
	} {
		s := shelf(t, "a", "one", c.keyed, "x")
		of := apppath.Path{Application: "a", Instance: "one"}
		err := catalogue.New(func() []catalogue.Shelf { return []catalogue.Shelf{s} }).Delete(t.Context(), c.by, of, "x")
		var refused *catalogue.RefusedError
		if c.refused != errors.As(err, &refused) || c.refused && refused.Objection != c.objection || !c.refused && err != nil {
			t.Errorf("keyed %v, %+v: %v", c.keyed, c.by, err)
		}
		if _, err := s.Store.Find("x"); c.refused != (err == nil) {
			t.Errorf("keyed %v, %+v: find says %v", c.keyed, c.by, err)
		}
	}
}
