package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

// Config of Run. All but Namespaces and Log are required.
type Config struct {
	Cluster    *rest.Config
	Namespaces []string // to look into; none for all
	GrantsFile string   // see routing.Grants; read again when it changes
	MasterFile string   // with the key that others are made of; likewise
	Out        string   // the file of routes, which is replaced as a whole
	Log        *slog.Logger
}

// lookEvery is how often what has changed is written.
const lookEvery = time.Second

// Run keeps the file of routes up to date until ctx ends. Until the AppInstances were
// read for the first time, it leaves a file that is there as it is.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	options := cache.Options{Scheme: scheme, DefaultTransform: cache.TransformStripManagedFields()}
	if len(cfg.Namespaces) > 0 {
		options.DefaultNamespaces = map[string]cache.Config{}
		for _, n := range cfg.Namespaces {
			options.DefaultNamespaces[n] = cache.Config{}
		}
	}
	all, err := cache.New(cfg.Cluster, options)
	if err != nil {
		return fmt.Errorf("watch AppInstances: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- all.Start(ctx) }()
	defer func() {
		cancel()
		<-ended //nolint:errcheck // it ends because it was told to
	}()
	informer, err := all.GetInformer(ctx, &v1alpha1.AppInstance{})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("watch AppInstances: %w", err)
	}
	w := &writer{cfg: cfg}
	change := func() { w.changed.Store(true) }
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { change() }, UpdateFunc: func(any, any) { change() }, DeleteFunc: func(any) { change() },
	})
	if err != nil {
		return fmt.Errorf("watch AppInstances: %w", err)
	}
	if !all.WaitForCacheSync(ctx) {
		return nil // it has ended
	}
	change()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		w.look(ctx, all)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// writer writes routes. All but changed is Run's goroutine's.
type writer struct {
	cfg     Config
	changed atomic.Bool // AppInstances have, since they were looked at
	files   []byte      // what the grants and the master key were
	written []byte
	failed  string // why nothing was written; "": it was
}

// look writes the routes when they have changed.
func (w *writer) look(ctx context.Context, all cache.Cache) {
	err := w.write(ctx, all)
	switch {
	case err == nil:
		w.failed = ""
	case err.Error() != w.failed && ctx.Err() == nil:
		w.failed = err.Error()
		w.cfg.Log.Error("the routes stay as they are", "err", err)
	}
}

func (w *writer) write(ctx context.Context, all cache.Cache) error {
	grantsText, err := os.ReadFile(w.cfg.GrantsFile)
	if err != nil {
		return fmt.Errorf("read which namespaces the gateway serves: %w", err)
	}
	master, err := ReadMaster(w.cfg.MasterFile)
	if err != nil {
		return err
	}
	files := slices.Concat(grantsText, []byte{0}, master)
	if !w.changed.Swap(false) && bytes.Equal(files, w.files) {
		return nil
	}
	grants, err := routing.ParseGrants(grantsText)
	if err != nil {
		return fmt.Errorf("%s: %w", w.cfg.GrantsFile, err)
	}
	var list v1alpha1.AppInstanceList
	if err := all.List(ctx, &list); err != nil {
		w.changed.Store(true)
		return fmt.Errorf("list AppInstances: %w", err)
	}
	f := File(list.Items, grants, master)
	slices.SortFunc(f.Routes, func(a, b routing.Route) int { return cmp.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	if !bytes.Equal(text, w.written) {
		if err := replace(w.cfg.Out, text); err != nil {
			w.changed.Store(true)
			return fmt.Errorf("write routes: %w", err)
		}
		w.cfg.Log.Info("routes", "file", w.cfg.Out, "routes", len(f.Routes))
	}
	w.files, w.written = files, text
	return nil
}

// ReadMaster reads the key that others are made of.
func ReadMaster(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the gateway's key: %w", err)
	}
	return CheckMaster(bytes.TrimSpace(b))
}

// CheckMaster returns a key that others may be made of.
func CheckMaster(key []byte) ([]byte, error) {
	if len(key) < minMaster {
		return nil, fmt.Errorf("the gateway's key has %d bytes, and needs %d: delete its Secret, and the operator makes another", len(key), minMaster)
	}
	return key, nil
}

// replace writes a file that only this user may read, as a whole.
func replace(path string, text []byte) error {
	fresh := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	err := os.WriteFile(fresh, text, 0o600)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return nil
}
