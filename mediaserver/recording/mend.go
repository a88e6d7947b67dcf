package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
)

// torn is a recording that was left unfinished, by a server before or by a disk
// that did not take its end. It is mended before it is played, listed or appended
// to; nobody waits for that at start.
type torn struct {
	*mark                // of the journal; nil: the file itself told
	queued bool          // guarded by Store.mu
	done   chan struct{} // closed when it is mended, or cannot be
}

// maxMenders bounds the files that are mended at once, however many are asked for:
// one that is long is read from its beginning.
const maxMenders = 4

// mendAll mends, one after another, what the journal said at start, until the
// store is closed.
func (s *Store) mendAll(files []string) {
	defer close(s.mended)
	for _, file := range files {
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return
		}
		_ = s.settle(context.Background(), file)
	}
}

// settle returns when a file is not torn any more, or cannot be mended, or with the
// cause of ctx's end. That may take as long as reading the file: a question that
// waits for it counts for nothing meanwhile.
func (s *Store) settle(ctx context.Context, file string) error {
	done := s.mending(file)
	if done == nil {
		return nil
	}
	if err := budget.Await(ctx, done); err != nil {
		return fmt.Errorf("%s is being mended: %w", file, err)
	}
	return nil
}

// mending has a torn file mended, beside all else and whoever has asked. What it
// returns is closed then; nil: the file is not torn.
func (s *Store) mending(file string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.torn[file]
	if t == nil || s.closed {
		return nil
	}
	if !t.queued {
		t.queued = true
		s.toMend = append(s.toMend, file)
		if s.menders < maxMenders {
			s.menders++
			s.beside.Go(s.mend)
		}
	}
	return t.done
}

// mend mends what waits for that, one after another.
func (s *Store) mend() {
	for file, t := s.nextTorn(); t != nil; file, t = s.nextTorn() {
		if err := s.mendTorn(file, t); err != nil {
			s.log.Error("recording cannot be mended, and plays as far as it is whole: it is tried again when the server starts", "file", file, "err", err)
		}
		s.mu.Lock()
		delete(s.torn, file)
		s.mu.Unlock()
		close(t.done)
	}
}

// nextTorn is the file that is mended next; nil: there is none, and whoever asks
// is a mender no more.
func (s *Store) nextTorn() (file string, t *torn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // the next start goes on with them
		for _, file := range s.toMend {
			close(s.torn[file].done)
		}
		s.toMend = nil
	}
	if len(s.toMend) == 0 {
		s.menders--
		return "", nil
	}
	file, s.toMend = s.toMend[0], s.toMend[1:]
	return file, s.torn[file]
}

// Mending is closed when what a server before has left torn of a stream's own file
// is mended; nil: nothing is. A recording of mode All has a file of its own.
func (s *Store) Mending(name string, mode Mode) <-chan struct{} {
	_, base, _, err := s.split(name)
	switch {
	case err != nil || mode == ModeDated:
		return nil
	case mode == ModeResumed:
		return s.mending(s.interruptedFile(base))
	}
	return s.mending(base + extension)
}

// settleName settles all that was being recorded under a name.
func (s *Store) settleName(ctx context.Context, base string) error {
	s.mu.Lock()
	var files []string
	if len(s.torn) > 0 {
		for _, m := range s.marks[base] {
			if s.torn[m.File] != nil {
				files = append(files, m.File)
			}
		}
	}
	s.mu.Unlock()
	for _, file := range files {
		if err := s.settle(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) mendTorn(file string, t *torn) (err error) {
	if t.mark != nil && t.Temp != "" {
		err = s.rescue(t.Temp, file)
	}
	if e := s.mendFile(file); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if t.mark == nil || err != nil {
		return err // an entry of the journal stays as long as its file is torn
	}
	s.mu.Lock()
	over := t.over
	s.mu.Unlock()
	if over {
		s.end(t.mark, false)
	} else {
		s.interrupt(t.mark, t.Interrupted)
	}
	return nil
}

// stillFor is how long nobody has written to a file that is mended without an entry
// in the journal.
const stillFor = time.Minute

// whole looks whether a file of ours that nobody writes is finished, with one
// small read, and mends it if not: a server that kept no journal may have left
// it. It returns what is known of the file then.
func (s *Store) whole(ctx context.Context, file string, info fs.FileInfo) (fs.FileInfo, error) {
	if !strings.HasSuffix(file, extension) {
		return info, nil
	}
	s.mu.Lock()
	_, busy := s.recording[file]
	known := s.lengths[file].describes(info)
	if x := s.indexes[file]; x != nil {
		known = known || x.describes(info)
	}
	known = known || s.refused[file].holds(info)
	s.mu.Unlock()
	if busy || known {
		return info, nil
	}
	f, err := s.openRegular(file)
	if err != nil {
		return info, nil //nolint:nilerr // whoever reads it hears what is wrong
	}
	d, finished := flv.Finished(f, info.Size())
	unfinished := !finished && flv.Unfinished(f, info.Size())
	f.Close()
	if finished {
		s.keepLength(file, length{duration: d, size: info.Size(), modified: info.ModTime()})
	}
	// One that changed just now is being copied here, most likely.
	if !unfinished || s.opts.Now().Sub(info.ModTime()) < stillFor || !s.tear(file) {
		return info, nil
	}
	if err := s.settle(ctx, file); err != nil {
		return info, err
	}
	return s.stat(file)
}

// tear notes that a file is torn; false when a recorder has it.
func (s *Store) tear(file string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, busy := s.recording[file]; busy || s.closed {
		return false
	}
	if s.torn[file] == nil {
		s.torn[file] = &torn{done: make(chan struct{})}
	}
	return true
}
