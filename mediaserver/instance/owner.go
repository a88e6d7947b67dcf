package instance

import (
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// owner is what only the owner goroutine may use: its methods run in a task of
// the instance, and nothing else calls them. It waits for nobody: not for a
// session, a fan-out loop or a file. What takes time is begun in a goroutine of
// its own and comes back as another task.
type owner struct {
	*Instance
	closing bool
	// stopped: the script was told that the instance ends. restarting: it has shut
	// the instance down, and begins anew when all have left.
	stopped, restarting bool
	restarts            int
	// pending are connects that the script has not decided about, by client, with who
	// wants to know; nil: its session has not asked yet. decided are those that it has
	// decided about before the session asks; nil: the client is let in.
	pending map[string]func(*session.Refusal)
	decided map[string]*session.Refusal
	streams map[string]*entry
	waiting int                      // of them, that nobody publishes
	played  map[string]played        // names of live streams by client
	away    map[string]*away         // names whose publishers are expected back
	records map[*recordTask]struct{} // that are not done

	channels map[string]*channel       // streams that the server publishes itself
	sources  map[string]string         // live streams that they play, by their names
	recorded map[string]*ownRecording  // what a script records
	told     func(script.StreamStatus) // is told of them; nil: nobody is

	objects map[objectKey]*object         // shared objects in use
	uses    map[string]map[objectKey]*use // of them, by client
	// calls are messages about objects that wait for one of the same client that is
	// being done, by client.
	calls map[string][]*call
	// flushing: all that is not on the disk is written, and whenFlushed is called
	// once it is.
	flushing     bool
	whenFlushed  func(all bool)
	unwritten    bool      // something could not be written then
	saidSaving   time.Time // when the log was told that an object cannot be written
	small, large writers   // of objects
	unsaved      int64     // bytes that persistent objects have more than their files, about
	recounts     bool      // files of objects are being counted
	cleaning     bool      // files of objects are being emptied
	makers       makers    // of objects
	gate         gate      // of changes of persistent ones
	saidVersions time.Time // when the log was told that versions cannot be written
	saidUnread   bool      // and whether it was, of a folder that cannot be read
}

// tasks is what the owner has to do, in the order in which it came. Adding to it
// never waits.
type tasks struct {
	mu      sync.Mutex // nothing else is taken while it is held
	waiting []task
	began   time.Time // when the task that runs did; zero: none runs
	closed  bool
	wake    chan struct{} // of capacity one
}

type task struct {
	run   func(*owner)
	since time.Time
}

// post has f run by the owner. It does not wait, and may be called from
// anywhere, the owner's own tasks included. It returns false when the instance
// has ended, and f will not run.
func (i *Instance) post(f func(*owner)) bool {
	t := &i.tasks
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	t.waiting = append(t.waiting, task{f, time.Now()})
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return true
}

// own is the owner goroutine: it runs one task after another, those that came
// before the end included.
func (i *Instance) own() {
	defer close(i.stopped)
	i.reentry.enter()
	o := &owner{
		Instance: i, streams: map[string]*entry{}, played: map[string]played{}, away: map[string]*away{},
		records: map[*recordTask]struct{}{}, objects: map[objectKey]*object{}, uses: map[string]map[objectKey]*use{},
		calls: map[string][]*call{}, pending: map[string]func(*session.Refusal){}, decided: map[string]*session.Refusal{},
		channels: map[string]*channel{}, sources: map[string]string{}, recorded: map[string]*ownRecording{},
		makers: newMakers(),
	}
	o.small, o.large = newWriters()
	t := &i.tasks
	for range t.wake {
		for {
			t.mu.Lock()
			if len(t.waiting) == 0 {
				closed := t.closed
				t.waiting, t.began = nil, time.Time{}
				t.mu.Unlock()
				if closed {
					o.dropObjects()
					return
				}
				break
			}
			next := t.waiting[0]
			t.waiting[0] = task{}
			t.waiting, t.began = t.waiting[1:], time.Now()
			t.mu.Unlock()
			next.run(o)
		}
	}
}

// Behind is how far the owner is behind: all but nothing in an instance that is
// well.
type Behind struct {
	Queue  int           // tasks that wait
	Oldest time.Duration // how long the first of them has; 0: none waits
	Turn   time.Duration // how long the task that runs has; 0: none runs
}

// Behind looks at the owner without asking it.
func (i *Instance) Behind() (b Behind) {
	t := &i.tasks
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.Queue = len(t.waiting); b.Queue > 0 {
		b.Oldest = time.Since(t.waiting[0].since)
	}
	if !t.began.IsZero() {
		b.Turn = time.Since(t.began)
	}
	return b
}

// live says whether a client publishes the name now.
func (o *owner) live(name string) bool {
	e, ok := o.streams[name]
	return ok && e.stream.Live()
}
