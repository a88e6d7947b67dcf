package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

// hold keeps an instance from being unloaded, as a client that is connected does, until
// release. It is the one that there is then.
func (s *Server) hold(r *http.Request, i *instance.Instance) (held *instance.Instance, release func(), err error) {
	d := s.onDemand[i.Application()]
	if d == nil || s.named(i) {
		return i, func() {}, nil
	}
	return d.hold(r, i.Name())
}

// hold has a viewer by HTTP use a room, which starts where it is not there.
func (d *onDemand) hold(r *http.Request, name string) (held *instance.Instance, release func(), err error) {
	type answer struct {
		in  *room
		why *session.Refusal
	}
	answers := make(chan answer, 1)
	d.use(name, waiter{client: session.Client{ID: "http", Address: r.RemoteAddr}, then: func(in *room, why *session.Refusal) { answers <- answer{in, why} }})
	select {
	case a := <-answers:
		if a.why != nil {
			return nil, nil, watchRefusal(a.why)
		}
		return a.in.inst, sync.OnceFunc(func() { d.leave(a.in) }), nil
	case <-r.Context().Done():
		go func() { // it is answered, whoever waits
			if a := <-answers; a.why == nil {
				d.leave(a.in)
			}
		}()
		return nil, nil, r.Context().Err()
	}
}

// find is the instance that a path begins with, held until release, and the name of a
// stream in it: the one that runs with the longest name, or one with a longer name that is
// not loaded and has recordings.
func (h house) find(r *http.Request, path string) (i *instance.Instance, name string, release func(), err error) {
	app, rest, _ := strings.Cut(path, "/")
	i, name = h.locate(path)
	d := h.s.onDemand[app]
	if d != nil && (i == nil || strings.Contains(name, "/") && i.Live(name) == nil) {
		room, inside, err := d.choose(r, rest, i, len(rest)-len(name))
		if err == nil {
			i, release, err = d.hold(r, room)
			return i, inside, release, err
		}
		if !errors.Is(err, outlet.ErrNotFound) {
			return nil, "", nil, err
		}
	}
	if i == nil && !h.s.defines(app) {
		return nil, "", nil, outlet.NotDefined(app)
	}
	if i == nil {
		return nil, "", nil, outlet.ErrNotFound
	}
	i, release, err = h.s.hold(r, i)
	return i, name, release, err
}

// defines says whether there is such an application, of which an instance may run or not.
func (s *Server) defines(app string) bool {
	return s.onDemand[app] != nil || slices.ContainsFunc(s.docs, func(d v1alpha1.AppInstance) bool { return d.Spec.Application == app })
}

// choose is the room that a path begins with which is not loaded, and the name of a stream
// in it, where there may be something to watch: of those that have recordings the one with
// the longest name, longer than that of the instance which runs; or, where none does, that
// where the application has a script.
func (d *onDemand) choose(r *http.Request, rest string, runs *instance.Instance, longer int) (room, name string, err error) {
	if d.rules.Play == instance.PlayNobody && !outlet.IsOperator(r.Context()) {
		return "", "", outlet.ErrNotFound
	}
	var rooms []string
	for at := strings.LastIndexByte(rest, '/'); at > longer; at = strings.LastIndexByte(rest[:at], '/') {
		if d.may(rest[:at]) {
			rooms = append(rooms, rest[:at])
		}
	}
	if runs == nil && d.may(defaultInstance) {
		rooms = append(rooms, defaultInstance)
	}
	found, err := d.withFolder(r, rooms)
	switch {
	case err != nil:
		return "", "", err
	case found == "" && runs == nil && d.program != nil && len(rooms) > 0:
		found = rooms[0]
	case found == "":
		return "", "", outlet.ErrNotFound
	}
	if found == defaultInstance && !strings.HasPrefix(rest, defaultInstance+"/") {
		return found, rest, nil
	}
	return found, rest[len(found)+1:], nil
}

// may says whether a room can have a name, as far as that is known without a disk.
func (d *onDemand) may(name string) bool {
	const longest = 1024
	return len(name) <= longest && recording.CheckInstance(name) == nil && !d.names.named(name) && d.names.likeManifest(name) == nil
}

// withFolder is the first of some rooms that has recordings; "": none has. It takes its
// turn among those who ask the disk.
func (d *onDemand) withFolder(r *http.Request, rooms []string) (string, error) {
	if len(rooms) == 0 {
		return "", nil
	}
	answers := make(chan string, 1)
	who := fmt.Sprint("http ", watchers.Add(1))
	look := func(ctx context.Context) {
		for _, name := range rooms {
			if ctx.Err() != nil {
				break
			}
			if d.hasFolder(name) {
				answers <- name
				return
			}
		}
		answers <- ""
	}
	if q := d.server.cfg.Budgets.Questions; q == nil {
		look(r.Context())
	} else if !q.Ask(who, look) {
		return "", outlet.Refuse(http.StatusServiceUnavailable, "too many wait for the disk: try again later")
	}
	select {
	case found := <-answers:
		return found, nil
	case <-r.Context().Done():
		return "", r.Context().Err()
	}
}

func (d *onDemand) hasFolder(name string) bool {
	info, err := os.Stat(filepath.Join(d.claims.Streams, filepath.FromSlash(name)))
	return err == nil && info.IsDir() && (!strings.Contains(name, "/") || d.claims.Has(name))
}
