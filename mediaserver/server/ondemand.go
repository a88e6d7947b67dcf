package server

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

// onDemand has the instances of an application that no manifest names: they start
// when a client connects to one, under the rules of the manifest that says so, and
// go when nobody uses them. It decides who has which, under a lock that is held for
// moments; what may wait for a disk is done in goroutines beside it, and whoever
// asks meanwhile is answered when that is done.
type onDemand struct {
	server      *Server
	application string
	doc         *v1alpha1.AppInstance // whose rules they have
	rules       instance.Rules
	program     *program // their script; nil: none
	log         *slog.Logger
	others      func(name string) []string // instances of manifests inside one
	max         int                        // spec.limits.maxInstances; 0: any number
	unloadAfter time.Duration
	claims      recording.Claims
	names       *instanceNames
	addresses   *budget.Addresses // that have had instances started which are strangers'
	disks       chan struct{}     // places of those who start instances, or end them

	work sync.WaitGroup // what is done beside

	// counting is held while instances are looked at for metrics, so that what moves
	// from one label to another is counted once; mu is taken while it is.
	counting sync.Mutex

	mu      sync.Mutex // nothing else is taken while it is held
	closed  bool
	rooms   map[string]*room // by name
	taken   int              // rooms that have a place
	leaving int              // that are being unloaded
	idle    list.List        // of *room, that nobody uses, the longest first
	// spellings are of all that has a place, by what would be the same on some disks.
	spellings map[string]*spelling
	measured  measured
}

// room is an instance that is loaded, or about to be. All guarded by onDemand.mu.
type room struct {
	name    string
	by      session.Client // who had it started
	house   bool           // somebody of the house did
	state   roomState
	inst    *instance.Instance // once it has started
	waiting []waiter           // for what it will be
	gone    []func()           // are called when it is no more
	users   int                // clients that are let in, or about to be
	idle    *list.Element      // nil: it is used, or not there
	timer   *time.Timer        // unloads it
	// stranger says that nobody has shown that it may publish: it counts in the
	// budget, and for the address that had it started.
	stranger bool
	tries    int  // of others that were asked to make room for it
	visited  bool // a client has been let in, or was to be
	// forced: it is being unloaded, whoever uses it, and ended hear when it is.
	forced bool
	ended  []func()
	label  label
}

// waiter hears that it uses a room, or why not. One that is no client, but of the
// house, is not bound by limits.
type waiter struct {
	client session.Client
	house  bool
	then   func(*room, *session.Refusal)
}

// roomState is where a room stands.
type roomState int

const (
	roomWaits   roomState = iota // for the place of another
	roomStarts                   // its folder is being looked at
	roomServes                   // clients are let in
	roomRetires                  // it is asked whether anybody uses it
	roomUnloads                  // it is being closed
)

const (
	fieldMaxInstances = "spec.limits.maxInstances"
	// maxAtDisks is how many instances are started and ended at once.
	maxAtDisks = 16
	// maxUnloading is how many may be on their way out, while others start in
	// their places.
	maxUnloading = 64
	// fewInstances are so few that one address may have started them all.
	fewInstances = 16
	// busyAgain is when one that is busy without a client is asked again.
	busyAgain = 10 * time.Second
	// maxTries is how many are asked to make room for one.
	maxTries = 8
)

// newOnDemand has what a document lets start. rules are those of the instance that
// it names.
func (s *Server) newOnDemand(doc *v1alpha1.AppInstance, rules instance.Rules, docs []v1alpha1.AppInstance, p *program) (*onDemand, error) {
	app := doc.Spec.Application
	d := &onDemand{
		server: s, application: app, doc: doc, rules: rules, program: p, log: s.log,
		unloadAfter: doc.Spec.Idle.UnloadAfter.Duration,
		disks:       make(chan struct{}, maxAtDisks),
		rooms:       map[string]*room{}, spellings: map[string]*spelling{},
	}
	if most := doc.Spec.Limits.MaxInstances; most != nil {
		d.max = int(*most)
	}
	d.others = func(name string) []string { return othersOf(app, name, docs) }
	named := map[string]bool{}
	for i := range docs {
		if docs[i].Spec.Application == app {
			named[docs[i].Spec.Instance] = true
		}
	}
	d.claims = recording.Claims{
		Streams: s.streamsOf(app),
		Known:   func(name string) bool { return named[name] },
	}
	d.addresses = budget.NewAddresses(d.share())
	var err error
	if d.names, err = newInstanceNames(d.claims.Streams, s.folders, named); err != nil {
		return nil, fmt.Errorf("instances of %s on demand: %w", app, err)
	}
	return d, nil
}

// onDemandOnce fails when two manifests of an application say onDemandInstances.
func onDemandOnce(docs []v1alpha1.AppInstance) error {
	says := map[string]*v1alpha1.AppInstance{}
	for i := range docs {
		doc := &docs[i]
		if !doc.Spec.OnDemandInstances {
			continue
		}
		app := doc.Spec.Application
		if other := says[app]; other != nil {
			return fmt.Errorf("two manifests of application %s say spec.onDemandInstances, those of the instances %s and %s: let one of them say so",
				app, other.Spec.Instance, doc.Spec.Instance)
		}
		says[app] = doc
	}
	return nil
}

// connect lets a client into an instance that no manifest names, which starts for
// that when it is not there.
func (d *onDemand) connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	refuse := func(why *session.Refusal) { answer(session.ConnectAnswer{Refusal: why}) }
	if err := recording.CheckInstance(r.Instance); err != nil {
		refuse(badInstance(err))
		return
	}
	if d.names.named(r.Instance) { // by a manifest that is suspended
		refuse(refused(session.RefusedNoInstance))
		return
	}
	if err := d.names.likeManifest(r.Instance); err != nil {
		refuse(badInstance(err))
		return
	}
	d.use(r.Instance, waiter{client: r.Client, then: func(in *room, why *session.Refusal) {
		if why != nil {
			refuse(why)
			return
		}
		in.inst.Connect(r, peer, func(a session.ConnectAnswer) {
			if a.Refusal != nil {
				d.leave(in)
			} else {
				a.Instance = &visit{Instance: in.inst, left: sync.OnceFunc(func() { d.leave(in) })}
			}
			answer(a)
		})
	}})
}

// visit is an on-demand instance for one client.
type visit struct {
	*instance.Instance
	left func()
}

// Leave implements session.Instance.
func (v *visit) Leave(c session.Client) {
	v.Instance.Leave(c)
	v.left()
}

// badInstance is for a name under which nothing can start.
func badInstance(err error) *session.Refusal {
	return &session.Refusal{Code: session.RefusedBadInstance, Reason: strings.TrimPrefix(err.Error(), recording.ErrBadName.Error()+": ")}
}

// use has somebody use a room, once it is there. Each success is matched by a
// leave.
func (d *onDemand) use(name string, w waiter) {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		w.then(nil, refused(session.RefusedStopping))
		return
	}
	in := d.rooms[name]
	if in != nil && in.state == roomServes && !in.forced {
		d.enter(in, w)
		d.mu.Unlock()
		w.then(in, nil)
		return
	}
	fresh := in == nil
	if fresh {
		in = &room{name: name, by: w.client, house: w.house}
		d.rooms[name] = in
	}
	in.waiting = append(in.waiting, w)
	d.mu.Unlock()
	if fresh {
		d.seat(in)
	}
}

// enter counts one who uses a room. The caller holds mu.
func (d *onDemand) enter(in *room, w waiter) {
	in.users++
	in.visited = in.visited || !w.house
	d.wake(in)
}

// wake notes that a room does not rest any more. The caller holds mu.
func (d *onDemand) wake(in *room) {
	if in.idle != nil {
		d.idle.Remove(in.idle)
		in.idle = nil
	}
	if in.timer != nil {
		in.timer.Stop()
		in.timer = nil
	}
}

// leave ends one use of a room. The last one who leaves has it unloaded, some time.
func (d *onDemand) leave(in *room) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if in.users--; in.users == 0 && in.state == roomServes {
		d.rest(in, d.restsFor(in))
	}
}

// restsFor is how long a room stays that nobody uses: one in which only somebody of
// the house has looked goes at once.
func (d *onDemand) restsFor(in *room) time.Duration {
	if in.visited && !in.forced {
		return d.unloadAfter
	}
	return 0
}

// rest has a room that nobody uses unloaded after a while. The caller holds mu.
func (d *onDemand) rest(in *room, after time.Duration) {
	if in.idle == nil {
		in.idle = d.idle.PushBack(in)
	}
	if d.closed {
		return
	}
	in.timer = time.AfterFunc(after, func() { d.retire(in, func() {}) })
}

// loaded are the instances that there are.
func (d *onDemand) loaded() (all []*instance.Instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, in := range d.rooms {
		if in.inst != nil && in.state != roomUnloads {
			all = append(all, in.inst)
		}
	}
	return all
}

// running is one that is loaded; nil: it is not.
func (d *onDemand) running(name string) *instance.Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	if in := d.rooms[name]; in != nil && in.state != roomUnloads {
		return in.inst
	}
	return nil
}

// stop lets nobody in any more.
func (d *onDemand) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, in := range d.rooms {
		if in.timer != nil {
			in.timer.Stop()
		}
	}
}

// close ends all instances, at once, until ctx ends.
func (d *onDemand) close(ctx context.Context) {
	d.stop()
	beside := make(chan struct{})
	go func() { d.work.Wait(); close(beside) }()
	select {
	case <-beside:
	case <-ctx.Done():
	}
	var all sync.WaitGroup
	for _, i := range d.loaded() {
		all.Go(func() { d.server.end(ctx, i) })
	}
	all.Wait()
	d.names.close()
}
