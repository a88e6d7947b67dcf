package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
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
	if d.hasFolder(name) {
		return true
	}
	folder, err := os.Open(filepath.Join(d.server.objectsOf(d.application), filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	defer folder.Close()
	for { // a folder within is perhaps that of another instance
		some, err := folder.ReadDir(64)
		for _, entry := range some {
			if !entry.IsDir() {
				return true
			}
		}
		if err != nil {
			return false
		}
	}
}
