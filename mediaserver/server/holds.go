package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/web"
)

// holdsTime bounds how long a disk may take to say what it has.
const holdsTime = 10 * time.Second

// holds says whether this server has anything of an instance: it is in use, or has
// recordings or shared objects on the disk. A gateway asks that of each of the servers that
// share an application. known false: the disk does not say now.
func (s *Server) holds(application, instance string) (held, known bool) {
	d := s.onDemand[application]
	if d == nil || recording.CheckInstance(instance) != nil || d.names.named(instance) {
		return s.instances[application][instance] != nil, true
	}
	d.mu.Lock()
	_, used := d.rooms[instance]
	d.mu.Unlock()
	if used {
		return true, true
	}
	answers := make(chan bool, 1)
	look := func(ctx context.Context) {
		if ctx.Err() == nil {
			answers <- d.onDisk(instance)
		}
	}
	if q := s.cfg.Budgets.Questions; q == nil {
		look(context.Background())
	} else if !q.Ask(fmt.Sprint("holds ", watchers.Add(1)), look) {
		return false, false
	}
	late := time.NewTimer(holdsTime)
	defer late.Stop()
	select {
	case held = <-answers:
		return held, true
	case <-late.C:
		return false, false
	}
}

// onDisk says whether an instance has recordings or shared objects. It may wait for that.
func (d *onDemand) onDisk(name string) bool {
	return d.hasFolder(name) || hasFile(d.server.objectsIn(d.application, name))
}

// Held implements web.Source. Folders without a file count for nothing; what an instance has
// that a manifest names is not on demand.
func (s *Server) Held(ctx context.Context, limit int) (held web.Held, err error) {
	held.Instances = []string{}
	for _, application := range slices.Sorted(maps.Keys(s.onDemand)) {
		names, err := s.onDemand[application].held(ctx)
		if err != nil {
			return held, err
		}
		for _, name := range names {
			if len(held.Instances) == limit {
				held.More = true
				return held, nil
			}
			held.Instances = append(held.Instances, application+"/"+name)
		}
	}
	return held, nil
}

// held are the instances of an application that have a file, in order.
func (d *onDemand) held(ctx context.Context) ([]string, error) {
	all := map[string]bool{}
	names, err := d.names.onDisk(ctx, d.claims)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if hasFile(filepath.Join(d.claims.Streams, filepath.FromSlash(name))) {
			all[name] = true
		}
	}
	folders, err := os.ReadDir(d.server.objectsOf(d.application))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range folders {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if f.IsDir() && hasFile(filepath.Join(d.server.objectsOf(d.application), f.Name())) {
			all[instanceOfObjects.Replace(f.Name())] = true
		}
	}
	maps.DeleteFunc(all, func(name string, _ bool) bool { return d.names.named(name) })
	return slices.Sorted(maps.Keys(all)), nil
}

// hasFile says whether a folder has a file that is not hidden, as the server's own notes are,
// however deep. What cannot be looked into may have one.
func hasFile(folder string) (has bool) {
	err := filepath.WalkDir(folder, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case at == folder && errors.Is(err, fs.ErrNotExist):
			return fs.SkipAll
		case err != nil:
			return err
		case at != folder && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case !entry.IsDir():
			has = true
			return fs.SkipAll
		}
		return nil
	})
	return has || err != nil
}
