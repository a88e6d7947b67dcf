package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Shelf is the recorded streams of one instance.
type Shelf struct {
	Application, Instance string
	Store                 *recording.Store
	// Borrow lends the store of an instance that is not always there, until it is
	// given back. Nil: Store is.
	Borrow func(context.Context) (store *recording.Store, giveBack func(), err error)
	// Authorize checks the publish key of a caller who deletes. Nil where anyone
	// may publish: then callers on the server's own machine may delete.
	Authorize func(key string) *session.Refusal
}

// open lends the store to one who reads it, and gives it back after that.
func (s Shelf) open(ctx context.Context, read func(*recording.Store) error) error {
	if s.Borrow == nil {
		return read(s.Store)
	}
	store, giveBack, err := s.Borrow(ctx)
	if err != nil {
		return fmt.Errorf("recordings of %.64s/%.64s: %w", s.Application, s.Instance, err)
	}
	defer giveBack()
	return read(store)
}

func (s Shelf) list(ctx context.Context, after string, limit int) (found []recording.Info, rest string, err error) {
	err = s.open(ctx, func(store *recording.Store) (err error) {
		found, rest, err = store.List(ctx, after, limit)
		return err
	})
	return found, rest, err
}

// Recording is one recorded stream.
type Recording struct {
	Application, Instance string
	recording.Info
}

// Place is the place of a recorded stream in the catalogue. Recordings are in the
// order of their applications, their instances, and their names.
type Place struct {
	Application, Instance, Name string
}

// Place is where the recording stands.
func (r Recording) Place() Place { return Place{r.Application, r.Instance, r.Name} }

// Catalogue is the recorded streams of instances. Its methods may be called from
// any goroutine; they read folders, and wait for disks.
type Catalogue struct {
	shelves func() []Shelf
}

// New makes a catalogue of shelves, which are asked for at each call and may be
// in any order; the catalogue may change the slice.
func New(shelves func() []Shelf) *Catalogue { return &Catalogue{shelves} }

// NotServedError says that there is no such instance.
type NotServedError struct{ Application, Instance string }

// Error implements error.
func (e *NotServedError) Error() string {
	return fmt.Sprintf("instance %.64s/%.64s is not served here", e.Application, e.Instance)
}

// Query says which recordings are listed.
type Query struct {
	Of    *apppath.Path // nil: those of all instances
	After Place         // the zero value: from the first on
	Limit int           // how many at most; at least 1
}

// List returns a page of recordings, and after what the next one begins: the
// zero value when none follows. A page may be shorter than its limit, as those of
// [recording.Store.List]; it fails as that does, or with a *NotServedError.
func (c *Catalogue) List(ctx context.Context, q Query) (page []Recording, next Place, err error) {
	shelves := c.shelves()
	if q.Of != nil {
		one, err := c.shelf(*q.Of)
		if err != nil {
			return nil, Place{}, err
		}
		shelves = []Shelf{one}
	}
	slices.SortFunc(shelves, func(a, b Shelf) int { return a.compare(b.Application, b.Instance) })
	for _, s := range shelves {
		after := ""
		switch order := s.compare(q.After.Application, q.After.Instance); {
		case order < 0:
			continue
		case order == 0:
			after = q.After.Name
		}
		if len(page) == q.Limit { // is there anything in this one?
			found, rest, err := s.list(ctx, after, 1)
			if err != nil {
				return nil, Place{}, err
			}
			if len(found) > 0 || rest != "" {
				return page, page[len(page)-1].Place(), nil
			}
			continue
		}
		found, rest, err := s.list(ctx, after, q.Limit-len(page))
		if err != nil {
			return nil, Place{}, err
		}
		for _, info := range found {
			page = append(page, Recording{s.Application, s.Instance, info})
		}
		if rest != "" {
			return page, Place{s.Application, s.Instance, rest}, nil
		}
	}
	return page, Place{}, nil
}

func (s Shelf) compare(application, instance string) int {
	return cmp.Or(strings.Compare(s.Application, application), strings.Compare(s.Instance, instance))
}

// Find tells of one recording. It fails with a *NotServedError, or as
// [recording.Store.Find] does.
func (c *Catalogue) Find(ctx context.Context, of apppath.Path, name string) (Recording, error) {
	s, err := c.shelf(of)
	if err != nil {
		return Recording{}, err
	}
	var info recording.Info
	err = s.open(ctx, func(store *recording.Store) (err error) {
		info, err = store.Find(name)
		return err
	})
	if err != nil {
		return Recording{}, err
	}
	return Recording{s.Application, s.Instance, info}, nil
}

// Delete removes one recording for a caller. It fails with a *NotServedError, a
// *RefusedError, or as [recording.Store.Delete] does.
func (c *Catalogue) Delete(ctx context.Context, by Caller, of apppath.Path, name string) error {
	s, err := c.shelf(of)
	if err != nil {
		return err
	}
	if err := s.mayDelete(by); err != nil {
		return err
	}
	return s.open(ctx, func(store *recording.Store) error { return store.Delete(name) })
}

func (c *Catalogue) shelf(of apppath.Path) (Shelf, error) {
	for _, s := range c.shelves() {
		if s.compare(of.Application, of.Instance) == 0 {
			return s, nil
		}
	}
	return Shelf{}, &NotServedError{of.Application, of.Instance}
}
