package server

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// others are the instances whose folders lie inside that of doc's: those of the
// same application whose names go on where its own ends. One that is suspended
// keeps what it has.
func others(doc *v1alpha1.AppInstance, docs []v1alpha1.AppInstance) []string {
	return othersOf(doc.Spec.Application, doc.Spec.Instance, docs)
}

func othersOf(application, instance string, docs []v1alpha1.AppInstance) (names []string) {
	for i := range docs {
		if docs[i].Spec.Application != application {
			continue
		}
		if rest, ok := strings.CutPrefix(docs[i].Spec.Instance, instance+"/"); ok {
			names = append(names, rest)
		}
	}
	return names
}

// add builds the instance that one document describes, and what has the others of
// its application start on demand where it says so. Its streams have no names in the
// folders of others inside its own.
func (s *Server) add(doc *v1alpha1.AppInstance, docs []v1alpha1.AppInstance) error {
	app, name := doc.Spec.Application, doc.Spec.Instance
	log := s.log.With("application", app, "instance", name)
	if doc.Spec.Suspend {
		log.Info("not served: spec.suspend is true")
		return nil
	}
	if _, taken := s.instances[app][name]; taken {
		return fmt.Errorf("two manifests claim %s/%s: give one another spec.application or spec.instance", app, name)
	}

	dir := filepath.Join(s.streamsOf(app), filepath.FromSlash(name))
	store, err := recording.Open(dir, log, s.storeOptions(doc, others(doc, docs)))
	if err != nil {
		return fmt.Errorf("recordings of %s/%s: %w", app, name, err)
	}
	served := Served{Application: app, Instance: name, Recording: doc.Spec.Recording.Mode, Streams: dir, Play: doc.Spec.Access.Play.Mode}
	rules := s.rules(doc)
	if doc.Spec.Access.Publish.Mode != v1alpha1.PublishAnyone {
		keys := s.addKeys(app, name, doc.Spec.Access.Publish, log)
		rules.Keys, served.KeyFile = keys, keys.file
	}
	p, err := s.openProgram(doc)
	if err != nil {
		return err
	}
	i, err := instance.New(s.config(app, name, store, rules, p.make(name, s.cfg.Budgets.ScriptMemory, log), log))
	if err != nil {
		return err
	}
	if s.instances[app] == nil {
		s.instances[app] = map[string]*instance.Instance{}
	}
	s.instances[app][name] = i
	s.served = append(s.served, served)
	s.markNested(app, name, log)
	if !doc.Spec.OnDemandInstances {
		return nil
	}
	d, err := s.newOnDemand(doc, rules, docs, p)
	if err != nil {
		return err
	}
	s.onDemand[app] = d
	return nil
}

// rules are those of a document, but for keys.
func (s *Server) rules(doc *v1alpha1.AppInstance) instance.Rules {
	rules := instance.Rules{
		Stream:           streamOptions(doc),
		HLS:              hlsRules(doc.Spec.Web),
		Recording:        instance.RecordingRule(doc.Spec.Recording.Mode),
		TakeOver:         instance.TakeOverRule(doc.Spec.Access.Publish.TakeOver),
		PublisherTimeout: s.cfg.PublisherTimeout,
		SampleAccess:     session.SampleAccess(doc.Spec.Delivery.SampleAccess),
		Play:             instance.PlayRule(doc.Spec.Access.Play.Mode),
	}
	if l := doc.Spec.Limits; l.MaxConnections != nil {
		rules.MaxConnections = int(*l.MaxConnections)
	}
	if l := doc.Spec.Limits; l.MaxStreams != nil {
		rules.MaxStreams = int(*l.MaxStreams)
	}
	if l := doc.Spec.Limits; l.MaxMessageSize != nil {
		rules.MaxMessageSize = int(*l.MaxMessageSize)
	}
	rules.Objects = objectRules(doc.Spec.Limits)
	rules.MaxPerAddress, rules.SharedAddresses = addressLimit(doc)
	return rules
}

// objectRules bound the shared objects of an instance: 0 in the document is no
// limit.
func objectRules(l v1alpha1.Limits) instance.ObjectRules {
	of := func(n *int32) int {
		switch {
		case n == nil:
			return 0 // the default
		case *n == 0:
			return -1
		}
		return int(*n)
	}
	rules := instance.ObjectRules{
		Max: of(l.MaxSharedObjects), Slots: of(l.MaxSharedObjectSlots),
		Bytes: of(l.MaxSharedObjectSize), SlotBytes: of(l.MaxSlotSize),
	}
	if most := l.MaxSharedObjectsTotalSize; most != nil {
		if rules.TotalBytes = most.Value(); rules.TotalBytes == 0 {
			rules.TotalBytes = -1
		}
	}
	return rules
}

// config is that of an instance, whoever had it started.
func (s *Server) config(app, name string, store *recording.Store, rules instance.Rules, makeScript func(script.Instance) instance.Script, log *slog.Logger) instance.Config {
	return instance.Config{
		Application: app, Name: name, Fanout: s.fanout, Store: store, Rules: rules, Budgets: s.cfg.Budgets, Log: log, Script: makeScript,
		Published: s.cutsAlways(rules.HLS),
		Objects: sharedobject.OpenStore(s.objectsIn(app, name),
			sharedobject.StoreOptions{MinFree: recording.DefaultMinFree}),
	}
}

// objectFolder makes one folder's name of an instance's: what clients call their
// objects, with slashes or without, is below it and nowhere in another instance's.
var objectFolder = strings.NewReplacer("%", "%25", "/", "%2F")

// instanceOfObjects is the way back.
var instanceOfObjects = strings.NewReplacer("%25", "%", "%2F", "/")

// objectsIn is the folder of an instance's persistent shared objects.
func (s *Server) objectsIn(app, name string) string {
	return filepath.Join(s.objectsOf(app), objectFolder.Replace(name))
}

// storeOptions are those of an instance's recordings.
func (s *Server) storeOptions(doc *v1alpha1.AppInstance, others []string) recording.Options {
	o := recording.Options{
		Others: others, Now: s.cfg.clock.now, Workers: s.turns, Folders: s.folders,
		Turns: s.cfg.Budgets.Turns, Indexes: s.cfg.Budgets.Indexes, Samples: s.cfg.Budgets.Samples, Played: s.cfg.Budgets.Played,
		MaxTotalSize: doc.Spec.Recording.MaxTotalSize.Value(),
	}
	if most := doc.Spec.Recording.MaxFiles; most != nil {
		o.MaxFiles = int64(*most)
	}
	return o
}

// addKeys is the publish key of an instance: in the file that was given, or in
// one below the data folder, which is made with a new key when missing.
func (s *Server) addKeys(app, name string, access v1alpha1.PublishAccess, log *slog.Logger) *keyring {
	file, remembered := keyPaths(s.cfg.PublishKeyFile, s.dataOf(app), app, name)
	if s.cfg.PublishKeyFile == "" {
		if err := makeKey(file); err != nil {
			log.Error("no publish key can be made", "err", err)
		}
	}
	var previousFor time.Duration
	if d := access.PreviousKeyFor; d != nil {
		previousFor = d.Duration
	}
	keys := openKeyring(file, remembered, previousFor, s.cfg.clock, log)
	s.keys = append(s.keys, keys)
	return keys
}

var latencies = map[v1alpha1.Latency]stream.Latency{
	v1alpha1.LatencyBalanced:   stream.Balanced,
	v1alpha1.LatencyLow:        stream.Low,
	v1alpha1.LatencyThroughput: stream.Throughput,
}

// Connect implements session.Directory.
func (s *Server) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	if why := s.admitPage(r); why != nil {
		answer(session.ConnectAnswer{Refusal: why})
		return
	}
	switch {
	case s.isFar(r):
		s.connectFar(r, peer, answer)
		return
	case s.edge != nil:
		onward{s}.Connect(r, peer, answer)
		return
	case s.gateway != nil:
		s.gateway.Connect(r, peer, answer)
		return
	}
	byName, ok := s.instances[r.Application]
	if !ok && s.onDemand[r.Application] == nil {
		answer(session.ConnectAnswer{Refusal: refused(session.RefusedNoApplication)})
		return
	}
	if i, ok := byName[r.Instance]; ok {
		i.Connect(r, peer, answer)
		return
	}
	if d := s.onDemand[r.Application]; d != nil {
		d.connect(r, peer, answer)
		return
	}
	answer(session.ConnectAnswer{Refusal: refused(session.RefusedNoInstance)})
}

// all are the instances that are served, those on demand included that are loaded.
func (s *Server) all() (all []*instance.Instance) {
	for _, one := range s.served {
		all = append(all, s.instances[one.Application][one.Instance])
	}
	for _, d := range s.onDemand {
		all = append(all, d.loaded()...)
	}
	return all
}

// markNested says in the folder of an instance inside another's that it is one,
// whoever serves there next.
func (s *Server) markNested(app, name string, log *slog.Logger) {
	if !strings.Contains(name, "/") {
		return
	}
	claims := recording.Claims{Streams: s.streamsOf(app)}
	if err := claims.Mark(name); err != nil {
		log.Warn("the folder of recordings is not marked as this instance's: without its manifest it would be one of streams", "err", err)
	}
}
