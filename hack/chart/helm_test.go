package main

import (
	"io"
	"log/slog"
	"testing"

	action3 "helm.sh/helm/v3/pkg/action"
	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	kube3 "helm.sh/helm/v3/pkg/kube"
	release3 "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"
)

// helm is the program helm, in one of its versions, as a person would run it.
type helm interface {
	install(name, namespace, chart, values string, flags ...string) (notes string, err error)
	upgrade(name, namespace, chart, values string, flags ...string) (notes string, err error)
	rollback(name, namespace string, revision int, flags ...string) error
	uninstall(name, namespace string) error
}

// Flags of helm that the tests use.
const (
	takeOwnership  = "--take-ownership"
	forceConflicts = "--force-conflicts"
	clientSide     = "--server-side=false"
	dryRunServer   = "--dry-run=server"
)

func has(flags []string, flag string) bool {
	for _, f := range flags {
		if f == flag {
			return true
		}
	}
	return false
}

func init() {
	// The names by which the programs write.
	kube.ManagedFieldsManager = "helm"
	kube3.ManagedFieldsManager = "helm"
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func getter(namespace string) genericclioptions.RESTClientGetter {
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig = &server.kubeconfig
	flags.Namespace = &namespace
	return flags
}

func given(values string) (map[string]any, error) {
	all := map[string]any{}
	err := yaml.Unmarshal([]byte(values), &all)
	return all, err
}

// helm4 applies on the server, as its default is.
type helm4 struct{}

func (helm4) configuration(namespace string) (*action.Configuration, error) {
	c := action.NewConfiguration()
	err := c.Init(getter(namespace), namespace, "secret")
	return c, err
}

func (h helm4) install(name, namespace, chart, values string, flags ...string) (string, error) {
	c, err := h.configuration(namespace)
	if err != nil {
		return "", err
	}
	ch, err := loader.Load(chart)
	if err != nil {
		return "", err
	}
	all, err := given(values)
	if err != nil {
		return "", err
	}
	i := action.NewInstall(c)
	i.ReleaseName, i.Namespace = name, namespace
	i.WaitStrategy = kube.HookOnlyStrategy
	i.TakeOwnership = has(flags, takeOwnership)
	i.ForceConflicts = has(flags, forceConflicts)
	i.ServerSideApply = !has(flags, clientSide)
	if has(flags, dryRunServer) {
		i.DryRunStrategy = action.DryRunServer
	}
	r, err := i.Run(ch, all)
	if err != nil {
		return "", err
	}
	return r.(*release.Release).Info.Notes, nil
}

func (h helm4) upgrade(name, namespace, chart, values string, flags ...string) (string, error) {
	c, err := h.configuration(namespace)
	if err != nil {
		return "", err
	}
	ch, err := loader.Load(chart)
	if err != nil {
		return "", err
	}
	all, err := given(values)
	if err != nil {
		return "", err
	}
	u := action.NewUpgrade(c)
	u.Namespace = namespace
	u.WaitStrategy = kube.HookOnlyStrategy
	u.TakeOwnership = has(flags, takeOwnership)
	u.ForceConflicts = has(flags, forceConflicts)
	if has(flags, clientSide) {
		u.ServerSideApply = "false"
	}
	r, err := u.Run(name, ch, all)
	if err != nil {
		return "", err
	}
	return r.(*release.Release).Info.Notes, nil
}

func (h helm4) rollback(name, namespace string, revision int, flags ...string) error {
	c, err := h.configuration(namespace)
	if err != nil {
		return err
	}
	r := action.NewRollback(c)
	r.Version = revision
	r.WaitStrategy = kube.HookOnlyStrategy
	r.ForceConflicts = has(flags, forceConflicts)
	return r.Run(name)
}

func (h helm4) uninstall(name, namespace string) error {
	c, err := h.configuration(namespace)
	if err != nil {
		return err
	}
	u := action.NewUninstall(c)
	u.WaitStrategy = kube.HookOnlyStrategy
	_, err = u.Run(name)
	return err
}

// helm3 applies on the client, which is all it can.
type helm3 struct{}

func (helm3) configuration(namespace string) (*action3.Configuration, error) {
	c := &action3.Configuration{}
	err := c.Init(getter(namespace), namespace, "secret", func(string, ...any) {})
	return c, err
}

func (h helm3) install(name, namespace, chart, values string, flags ...string) (string, error) {
	c, err := h.configuration(namespace)
	if err != nil {
		return "", err
	}
	ch, err := loader3.Load(chart)
	if err != nil {
		return "", err
	}
	all, err := given(values)
	if err != nil {
		return "", err
	}
	i := action3.NewInstall(c)
	i.ReleaseName, i.Namespace = name, namespace
	i.TakeOwnership = has(flags, takeOwnership)
	r, err := i.Run(ch, all)
	return notes3(r), err
}

func (h helm3) upgrade(name, namespace, chart, values string, flags ...string) (string, error) {
	c, err := h.configuration(namespace)
	if err != nil {
		return "", err
	}
	ch, err := loader3.Load(chart)
	if err != nil {
		return "", err
	}
	all, err := given(values)
	if err != nil {
		return "", err
	}
	u := action3.NewUpgrade(c)
	u.Namespace = namespace
	u.TakeOwnership = has(flags, takeOwnership)
	r, err := u.Run(name, ch, all)
	return notes3(r), err
}

func notes3(r *release3.Release) string {
	if r == nil || r.Info == nil {
		return ""
	}
	return r.Info.Notes
}

func (h helm3) rollback(name, namespace string, revision int, _ ...string) error {
	c, err := h.configuration(namespace)
	if err != nil {
		return err
	}
	r := action3.NewRollback(c)
	r.Version = revision
	return r.Run(name)
}

func (h helm3) uninstall(name, namespace string) error {
	c, err := h.configuration(namespace)
	if err != nil {
		return err
	}
	_, err = action3.NewUninstall(c).Run(name)
	return err
}

// helmTemplate is `helm template`, which asks no server.
func helmTemplate(t *testing.T, name, namespace, chart, values string) string {
	t.Helper()
	ch, err := loader.Load(chart)
	if err != nil {
		t.Fatal(err)
	}
	all, err := given(values)
	if err != nil {
		t.Fatal(err)
	}
	i := action.NewInstall(action.NewConfiguration())
	i.ReleaseName, i.Namespace = name, namespace
	i.DryRunStrategy = action.DryRunClient
	// The program has that of its own libraries, the SDK an old one.
	if i.KubeVersion, err = common.ParseKubeVersion("v1.37.0"); err != nil {
		t.Fatal(err)
	}
	i.WaitStrategy = kube.HookOnlyStrategy
	r, err := i.Run(ch, all)
	if err != nil {
		t.Fatal(err)
	}
	return r.(*release.Release).Manifest
}
