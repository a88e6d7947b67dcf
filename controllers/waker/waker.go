package waker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/waking"
	"flashpod.dev/flashpod/controllers/gateway"
)

// FieldManager owns the one field that is written.
const FieldManager = "flashpod-operator-waker"

const (
	// requestTime is what a request may take, from its first byte to the last of the answer.
	requestTime = 10 * time.Second
	// maxConnections is how many may be open at once: gateways keep one each.
	maxConnections = 256
	// stuckFor is how long something must have been in an instance's way until clients are
	// told instead of waiting: much of it goes by itself within a moment.
	stuckFor = 5 * time.Second
)

// Waker answers gateways. All fields but Now and Log are required, and Address is so by
// Start alone.
type Waker struct {
	Address string        // host:port, where Start listens
	Reader  client.Reader // of AppInstances: a cache
	Writer  client.Client // of their status
	// Master is the key that those of all instances are made of.
	Master func(context.Context) ([]byte, error)
	Now    func() time.Time // nil: the machine's clock
	Log    logr.Logger

	limits *limits
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: any operator answers.
func (w *Waker) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable: it serves until ctx ends.
func (w *Waker) Start(ctx context.Context) error {
	ln, err := net.Listen("tcp", w.Address)
	if err != nil {
		return fmt.Errorf("listen for gateways that wake instances on %s: %w (choose another address with --wake-address)", w.Address, err)
	}
	return w.Serve(ctx, ln)
}

// Serve answers at a listener until ctx ends, and closes it.
func (w *Waker) Serve(ctx context.Context, ln net.Listener) error {
	s := &http.Server{Handler: w.Handler(), ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: time.Minute, MaxHeaderBytes: 4 << 10}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })() // gateways ask again
	if err := s.Serve(&bounded{Listener: ln, places: make(chan struct{}, maxConnections)}); ctx.Err() == nil {
		return fmt.Errorf("answer gateways that wake instances: %w", err)
	}
	return nil
}

// Handler answers requests.
func (w *Waker) Handler() http.Handler {
	if w.limits == nil {
		w.limits = newLimits()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+waking.Path, w.serve)
	return mux
}

func (w *Waker) serve(out http.ResponseWriter, in *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(out, in.Body, waking.MaxRequest))
	if err != nil {
		http.Error(out, "a request has at most 1 KiB", http.StatusRequestEntityTooLarge)
		return
	}
	r, err := waking.ParseRequest(text)
	if err != nil {
		http.Error(out, "no request: "+err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(in.Context(), requestTime/2)
	defer cancel()
	a, key, err := w.find(ctx, &r)
	switch {
	case errors.Is(err, waking.ErrStale): // whoever is told this has the key
		http.Error(out, err.Error(), http.StatusForbidden)
		return
	case errors.Is(err, errStranger):
		http.Error(out, errStranger.Error(), http.StatusForbidden) // of no instance is said whether there is one
		return
	case err != nil:
		w.Log.Error(err, "a gateway is not answered", "instance", r.Name)
		http.Error(out, "the operator cannot say: its log tells why", http.StatusServiceUnavailable)
		return
	}
	answer, err := w.wake(ctx, a)
	if err != nil {
		w.Log.Error(err, "an instance is not woken", "instance", r.Name)
		http.Error(out, "the operator cannot wake it: its log tells why", http.StatusServiceUnavailable)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(r.Answer(key, answer)) // or the gateway has gone, and asks again
}

// errStranger is for who has not the key of the instance, or there is none.
var errStranger = errors.New("no such instance is behind the gateway, or this is not its key")

// find is the AppInstance that a request is about, if it is of who has its key.
func (w *Waker) find(ctx context.Context, r *waking.Request) (*v1alpha1.AppInstance, string, error) {
	namespace, name, ok := strings.Cut(r.Name, "/")
	if !ok || len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return nil, "", errStranger
	}
	master, err := w.Master(ctx)
	if err != nil {
		return nil, "", err
	}
	a := &v1alpha1.AppInstance{}
	switch err := w.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, a); {
	case apierrors.IsNotFound(err):
		return nil, "", errStranger
	case err != nil:
		return nil, "", fmt.Errorf("read AppInstance %s: %w", r.Name, err)
	}
	key := gateway.KeyFor(master, a)
	if err := r.Check(key, w.now()); err != nil {
		if errors.Is(err, waking.ErrProof) {
			err = errStranger
		}
		return nil, "", err
	}
	a = a.DeepCopy()
	a.SetDefaults()
	return a, key, nil
}

// wake has an AppInstance woken if it sleeps, and says how far it is.
func (w *Waker) wake(ctx context.Context, a *v1alpha1.AppInstance) (waking.Answer, error) {
	answer := stateOf(a, w.now())
	if !gateway.Sleeps(a) || answer.State == waking.Refused {
		return answer, nil
	}
	if ok, one := w.limits.take(gateway.Name(a), w.now()); !ok {
		if one {
			return waking.Answer{State: waking.Refused, Reason: waking.TooOften, Message: fmt.Sprintf("clients have woken it %d times within %v", burstOfOne, burstOfOne*everyOfOne)}, nil
		}
		return waking.Answer{State: waking.Waking, Reason: waking.Busy, Message: "many instances were woken just now: others go first"}, nil
	}
	if err := w.write(ctx, a); err != nil {
		return waking.Answer{}, err
	}
	w.Log.Info("woken by a client", "instance", gateway.Name(a), "asleepSince", a.Status.Sleep.Since.UTC().Format(time.RFC3339))
	return answer, nil
}

// write notes which sleep was ended, of this very AppInstance.
func (w *Waker) write(ctx context.Context, a *v1alpha1.AppInstance) error {
	u := &unstructured.Unstructured{Object: map[string]any{
		"status": map[string]any{"sleep": map[string]any{"woken": a.Status.Sleep.Since.UTC().Format(time.RFC3339)}},
	}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	u.SetNamespace(a.Namespace)
	u.SetName(a.Name)
	u.SetUID(a.UID)
	err := w.Writer.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(FieldManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("note that AppInstance %s/%s is woken: %w", a.Namespace, a.Name, err)
	}
	return nil
}

// stateOf is what there is to do for a client of an AppInstance, as its status says: a pure
// function.
func stateOf(a *v1alpha1.AppInstance, now time.Time) waking.Answer {
	condition := func(kind string) *metav1.Condition {
		return meta.FindStatusCondition(a.Status.Conditions, kind)
	}
	origin, stuck := condition(v1alpha1.ConditionOriginReady), condition(v1alpha1.ConditionStalled)
	switch {
	case !gateway.Wants(a) || a.DeletionTimestamp != nil:
		return waking.Answer{State: waking.Refused, Reason: waking.Unknown, Message: "it is not behind the gateway"}
	case a.Spec.Suspend:
		return waking.Answer{State: waking.Refused, Reason: waking.Suspended, Message: "spec.suspend is true: no client wakes it"}
	case a.Status.Sleep != nil && a.Status.Sleep.Since != nil:
		return waking.Answer{State: waking.Waking, Reason: "Asleep", Message: "it is woken"}
	case origin != nil && origin.Status == metav1.ConditionTrue && a.Status.Origin != nil && a.Status.Origin.Ready > 0:
		return waking.Answer{State: waking.Awake}
	case stuck != nil && stuck.Status == metav1.ConditionTrue && now.Sub(stuck.LastTransitionTime.Time) >= stuckFor:
		return waking.Answer{State: waking.Refused, Reason: stuck.Reason, Message: stuck.Message}
	case origin != nil:
		return waking.Answer{State: waking.Waking, Reason: origin.Reason, Message: origin.Message}
	}
	return waking.Answer{State: waking.Waking, Reason: "Starting", Message: "the operator has not looked at it yet"}
}

func (w *Waker) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}

// bounded is a listener with so many connections at once; more wait in the kernel's queue.
type bounded struct {
	net.Listener
	places chan struct{}
}

// Accept implements net.Listener.
func (l *bounded) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	nc, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: nc, of: l}, nil
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	of   *bounded
	once sync.Once
}

// Close implements net.Conn.
func (p *placed) Close() error {
	err := p.Conn.Close()
	p.once.Do(func() { <-p.of.places })
	return err
}
