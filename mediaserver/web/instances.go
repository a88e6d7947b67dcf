package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Running is an instance that runs, and what may be done to it.
type Running struct {
	*instance.Instance
	OnDemand bool // no manifest names it
	// Authorize checks the publish key of a caller who changes something. Nil where
	// anyone may publish: then callers on the server's own machine may.
	Authorize func(key string) *session.Refusal
	// Unload ends all of its clients and, where it is there on demand, itself, until
	// ctx ends. Others that come get an instance that begins anew.
	Unload func(ctx context.Context) error
}

// Instance is one instance in JSON.
type Instance struct {
	Application string  `json:"application"`
	Instance    string  `json:"instance"`
	OnDemand    bool    `json:"onDemand"`  // no manifest names it
	Seconds     float64 `json:"seconds"`   // that it has run
	Clients     int     `json:"clients"`   // connected, viewers by HTTP among them
	Streams     int     `json:"streams"`   // published now
	Waiting     int     `json:"waiting"`   // names that players wait for
	Players     int     `json:"players"`   // of live streams
	Playbacks   int     `json:"playbacks"` // recorded streams that are played
	// Viewers are who plays and watches, by the way in which it does: rtmp, flv, ws-flv,
	// hls and so on.
	Viewers       map[string]int `json:"viewers"`
	Recordings    int            `json:"recordings"`    // that are being written
	SharedObjects int            `json:"sharedObjects"` // in use
	ScriptErrors  uint64         `json:"scriptErrors"`  // of its script, since it started
}

// InstancePage is the answer to GET /instances. Next is where the next page is,
// relative to this one; empty: nowhere. So it is in the pages that follow.
type InstancePage struct {
	Instances []Instance `json:"instances"`
	Next      string     `json:"next,omitempty"`
	// Elsewhere says where to ask, of a server that has none of its own.
	Elsewhere string `json:"elsewhere,omitempty"`
}

// Client is one client in JSON.
type Client struct {
	ID       string    `json:"id"`
	Address  string    `json:"address"`
	Agent    string    `json:"agent,omitempty"`    // what it calls itself
	Way      string    `json:"way"`                // rtmp, or that of a viewer by HTTP: flv, ws-flv, hls and so on
	Watches  string    `json:"watches,omitempty"`  // the stream of a viewer by HTTP
	Recorded bool      `json:"recorded,omitempty"` // and that it is a recorded one
	Since    time.Time `json:"since"`
	BytesIn  uint64    `json:"bytesIn"`
	BytesOut uint64    `json:"bytesOut"`
}

// ClientPage is a page of an instance's clients.
type ClientPage struct {
	Clients []Client `json:"clients"`
	Next    string   `json:"next,omitempty"`
}

// Stream is one live stream in JSON, or a name that players wait for.
type Stream struct {
	Name    string `json:"name"`
	Live    bool   `json:"live"` // it is published now
	Players int    `json:"players"`
}

// StreamPage is a page of an instance's streams.
type StreamPage struct {
	Streams []Stream `json:"streams"`
	Next    string   `json:"next,omitempty"`
}

// SharedObject is one shared object in JSON.
type SharedObject struct {
	Name       string `json:"name"`
	Persistent bool   `json:"persistent"`
	Version    uint32 `json:"version"`
	Slots      int    `json:"slots"`
	Bytes      int    `json:"bytes"` // in memory, about
	Users      int    `json:"users"`
}

// SharedObjectPage is a page of an instance's shared objects.
type SharedObjectPage struct {
	SharedObjects []SharedObject `json:"sharedObjects"`
	Next          string         `json:"next,omitempty"`
}

// instancesHandler serves the instances that run:
//
//	GET    /instances   a page of them; ?limit= (100, at most 1000), ?after= (see
//	                    next), ?application=
//	GET    /instances/APPLICATION/INSTANCE   one
//	GET    /instances/APPLICATION/INSTANCE/clients          a page of what it has;
//	GET    /instances/APPLICATION/INSTANCE/streams          ?limit=, ?after=
//	GET    /instances/APPLICATION/INSTANCE/shared-objects
//	GET    /instances/APPLICATION/INSTANCE/script-errors    the last of its script
//	DELETE /instances/APPLICATION/INSTANCE                  unloads it
//	DELETE /instances/APPLICATION/INSTANCE/clients/CLIENT   ends a connection, or
//	                                                        what a viewer watches
//
// Names are written, and what changes something is heard, as in recordingsHandler.
func instancesHandler(src Source, guesses *budget.Guesses, log *slog.Logger) http.Handler {
	h := &instances{desk: newDesk("instances", guesses, log), running: src.Instances, edge: src.Edge}
	const one = "/instances/{application}/{instance}"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /instances", h.look(h.list))
	mux.HandleFunc("GET "+one, h.look(h.one))
	mux.HandleFunc("GET "+one+"/clients", h.look(h.clients))
	mux.HandleFunc("GET "+one+"/streams", h.look(h.streams))
	mux.HandleFunc("GET "+one+"/shared-objects", h.look(h.objects))
	mux.HandleFunc("GET "+one+"/script-errors", h.look(h.errors))
	mux.HandleFunc("DELETE "+one, h.look(h.unload))
	mux.HandleFunc("DELETE "+one+"/clients/{client}", h.look(h.kick))
	return mux
}

type instances struct {
	*desk
	running func() []Running
	edge    func() (Edge, bool)
}

func (r Running) compare(application, name string) int {
	return cmp.Or(strings.Compare(r.Application(), application), strings.Compare(r.Name(), name))
}

// describe is an instance in JSON.
func (r Running) describe() Instance {
	s := r.Stats()
	errors, _ := r.ScriptProblems()
	return Instance{
		Application: s.Application, Instance: s.Name, OnDemand: r.OnDemand, Seconds: s.Uptime.Seconds(),
		Clients: s.Connections, Streams: s.Streams, Waiting: s.Waiting, Players: s.Players, Playbacks: s.Playbacks, Viewers: s.Viewers,
		Recordings: s.Recordings, SharedObjects: s.SharedObjects, ScriptErrors: errors,
	}
}

func (h *instances) list(_ context.Context, r *http.Request) (any, error) {
	query := r.URL.Query()
	limit, err := limitOf(query)
	if err != nil {
		return nil, err
	}
	var after apppath.Path
	if s := query.Get("after"); s != "" {
		var ok bool
		if after, ok = apppath.Parse(s); !ok {
			return nil, fail(http.StatusBadRequest, "after %.64q: it is APPLICATION/INSTANCE, as the page before gives it in next", s)
		}
	}
	application := query.Get("application")
	all := slices.DeleteFunc(h.running(), func(r Running) bool {
		return application != "" && r.Application() != application || after.Application != "" && r.compare(after.Application, after.Instance) <= 0
	})
	slices.SortFunc(all, func(a, b Running) int { return a.compare(b.Application(), b.Name()) })
	page := InstancePage{Instances: []Instance{}}
	if is, ok := h.edge(); ok {
		page.Elsewhere = fmt.Sprintf("this is an edge or a gateway, linked to %d instances: they are at their origin, which is to be asked, or the console here", is.Links)
	}
	for _, r := range all[:min(limit, len(all))] {
		page.Instances = append(page.Instances, r.describe())
	}
	if len(all) > limit {
		last := all[limit-1]
		query.Set("after", last.Application()+"/"+last.Name())
		page.Next = "/instances?" + query.Encode()
	}
	return page, nil
}

// find is the instance that a request names.
func (h *instances) find(r *http.Request) (Running, error) {
	of := pathOf(r)
	for _, one := range h.running() {
		if one.compare(of.Application, of.Instance) == 0 {
			return one, nil
		}
	}
	return Running{}, fail(http.StatusNotFound, "instance %.64s/%.64s does not run here", of.Application, of.Instance)
}

func (h *instances) one(_ context.Context, r *http.Request) (any, error) {
	one, err := h.find(r)
	if err != nil {
		return nil, err
	}
	return one.describe(), nil
}

// page is what a request for a part of an instance asks for.
func (h *instances) page(r *http.Request) (of Running, after string, limit int, next func(after string) string, err error) {
	query := r.URL.Query()
	if limit, err = limitOf(query); err == nil {
		of, err = h.find(r)
	}
	return of, query.Get("after"), limit, func(after string) string {
		query.Set("after", after)
		return (&url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query.Encode()}).String()
	}, err
}

func (h *instances) clients(_ context.Context, r *http.Request) (any, error) {
	of, after, limit, next, err := h.page(r)
	if err != nil {
		return nil, err
	}
	found, more := of.Clients(after, limit)
	page := ClientPage{Clients: []Client{}}
	for _, c := range found {
		page.Clients = append(page.Clients, Client{ID: c.ID, Address: c.Address, Agent: c.Agent, Way: c.Way, Watches: c.Stream, Recorded: c.Stream != "" && !c.Live, Since: c.Since.UTC(), BytesIn: c.BytesIn, BytesOut: c.BytesOut})
	}
	if more {
		page.Next = next(found[len(found)-1].ID)
	}
	return page, nil
}

func (h *instances) streams(_ context.Context, r *http.Request) (any, error) {
	of, after, limit, next, err := h.page(r)
	if err != nil {
		return nil, err
	}
	found, more := of.Streams(after, limit)
	page := StreamPage{Streams: []Stream{}}
	for _, s := range found {
		page.Streams = append(page.Streams, Stream{Name: s.Name, Live: s.Live, Players: s.Players})
	}
	if more {
		page.Next = next(found[len(found)-1].Name)
	}
	return page, nil
}

// Persistent shared objects and those that are not have names of their own: what a
// page begins after says which it is.
const persistentPrefix, transientPrefix = "p:", "t:"

func (h *instances) objects(ctx context.Context, r *http.Request) (any, error) {
	of, after, limit, next, err := h.page(r)
	if err != nil {
		return nil, err
	}
	var from instance.ObjectInfo
	if after != "" {
		name, persistent := strings.CutPrefix(after, persistentPrefix)
		if !persistent {
			var transient bool
			if name, transient = strings.CutPrefix(after, transientPrefix); !transient {
				return nil, fail(http.StatusBadRequest, "after %.64q: it is p:NAME or t:NAME, as the page before gives it in next", after)
			}
		}
		from = instance.ObjectInfo{Name: name, Persistent: persistent}
	}
	found, more, err := of.Objects(ctx, from, limit)
	if err != nil {
		return nil, err
	}
	page := SharedObjectPage{SharedObjects: []SharedObject{}}
	for _, o := range found {
		page.SharedObjects = append(page.SharedObjects, SharedObject{o.Name, o.Persistent, o.Version, o.Slots, o.Bytes, o.Users})
	}
	if more {
		last, prefix := found[len(found)-1], transientPrefix
		if last.Persistent {
			prefix = persistentPrefix
		}
		page.Next = next(prefix + last.Name)
	}
	return page, nil
}

// errors are the last errors of an instance's script, all that it keeps.
func (h *instances) errors(_ context.Context, r *http.Request) (any, error) {
	of, err := h.find(r)
	if err != nil {
		return nil, err
	}
	total, last := of.ScriptProblems()
	report := ScriptReport{Total: total, Errors: []ScriptError{}}
	for _, p := range slices.Backward(last) {
		report.Errors = append(report.Errors, DescribeError(of.Application(), of.Name(), p))
	}
	return report, nil
}

var ending = deed{"ending its clients", "clients", "are ended", "flashpod instances"}

// change is an instance that the request may change.
func (h *instances) change(r *http.Request, what string) (Running, *slog.Logger, error) {
	one, err := h.find(r)
	if err != nil {
		return one, h.log, err
	}
	log := one.Log().With("address", r.RemoteAddr)
	var refused *catalogue.RefusedError
	if err = callerOf(r).May(one.Application(), one.Name(), one.Authorize); errors.As(err, &refused) {
		err = explain(refused, ending)
		log.Warn(what+" refused", "reason", err)
	}
	return one, log, err
}

func (h *instances) kick(_ context.Context, r *http.Request) (any, error) {
	of, log, err := h.change(r, "ending a client's connection")
	if err != nil {
		return nil, err
	}
	client := r.PathValue("client")
	if !of.Kick(client) {
		return nil, fail(http.StatusNotFound, "client %.64q is not connected to %s/%s", client, of.Application(), of.Name())
	}
	log.Info("a client's connection is ended by an operator", "client", client)
	return nil, nil
}

func (h *instances) unload(ctx context.Context, r *http.Request) (any, error) {
	of, log, err := h.change(r, "unloading an instance")
	if err != nil {
		return nil, err
	}
	log.Info("an operator has the instance unloaded")
	if err := of.Unload(ctx); err != nil && ctx.Err() == nil {
		return nil, fail(http.StatusConflict, "%w", err)
	} else if err != nil {
		return nil, err
	}
	return nil, nil
}
