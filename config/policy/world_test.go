//go:build envtest

package policy

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/hack/e2e/gatewayapi"
)

const (
	operatorNamespace = "flashpod-system"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":flashpod-operator"
	manager           = "flashpod-operator"
)

var (
	config *rest.Config
	scheme = runtime.NewScheme()
	admin  client.Client
)

// The API server has what config/default installs, but for the operator itself.
func TestMain(m *testing.M) {
	routes, err := gatewayapi.Files(gatewayapi.Gateways, gatewayapi.HTTPRoutes, gatewayapi.TCPRoutes, gatewayapi.TLSRoutes)
	if err != nil {
		panic(err)
	}
	env := &envtest.Environment{CRDDirectoryPaths: append(routes, "../crd"), ErrorIfCRDPathMissing: true}
	cfg, err := env.Start()
	if err != nil {
		panic(err)
	}
	config = cfg
	code := 1
	installed := install()
	if installed == nil {
		code = m.Run()
	}
	if err := errors.Join(installed, env.Stop()); err != nil {
		panic(err)
	}
	os.Exit(code)
}

func install() (err error) {
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, gatewayv1.Install} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	if admin, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	ctx := context.Background()
	if err := admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}}); err != nil {
		return err
	}
	for _, folder := range []string{"../rbac", "."} {
		files, err := filepath.Glob(folder + "/*.yaml")
		if err != nil {
			return err
		}
		for _, file := range files {
			if filepath.Base(file) == "kustomization.yaml" {
				continue
			}
			objects, err := objectsIn(file)
			if err != nil {
				return err
			}
			for _, o := range objects {
				if err := admin.Create(ctx, o); err != nil {
					return err
				}
			}
		}
	}
	return untilActive(ctx)
}

func objectsIn(file string) (all []*unstructured.Unstructured, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for d := yaml.NewYAMLOrJSONDecoder(f, 4096); ; {
		o := &unstructured.Unstructured{}
		switch err := d.Decode(&o.Object); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
}

// untilActive waits until the API server judges by both policies, as it does a
// moment after it has them: it is asked for what each must refuse.
func untilActive(ctx context.Context) error {
	for policy, probe := range map[string]struct {
		as client.Client
		o  client.Object
	}{
		"flashpod-appinstances": {as("probe", "system:masters-to-be"), appInstance("default", "probe", "{application: a, image: x}")},
		"flashpod-operator":     {as(operatorUser, "everything"), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "probe"}}},
	} {
		if err := grant(ctx, "system:masters-to-be", "default", rule("media.flashpod.dev", "appinstances", "create")); err != nil {
			return err
		}
		if err := grant(ctx, "everything", "", rule("*", "*", "*")); err != nil {
			return err
		}
		err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
			o, _ := probe.o.DeepCopyObject().(client.Object)
			err := probe.as.Create(ctx, o, client.DryRunAll)
			return err != nil && strings.Contains(err.Error(), "'"+policy+"'"), nil
		})
		if err != nil {
			return errors.New("policy " + policy + " does not judge: " + err.Error())
		}
	}
	return nil
}

// as is a client of a person or an account, of the groups given and of those
// that the API server gives to everybody who is known.
func as(user string, groups ...string) client.Client {
	c := rest.CopyConfig(config)
	c.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append([]string{"system:authenticated"}, groups...)}
	if strings.HasPrefix(user, "system:serviceaccount:") {
		c.Impersonate.Groups = append(c.Impersonate.Groups, "system:serviceaccounts")
	}
	out, err := client.New(c, client.Options{Scheme: scheme})
	if err != nil {
		panic(err)
	}
	return out
}

func rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

// grant gives rights to a group, in a namespace or, without one, everywhere.
// Giving them again changes nothing.
func grant(ctx context.Context, group, namespace string, rules ...rbacv1.PolicyRule) error {
	name := strings.NewReplacer(":", "-").Replace("test-" + group)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
	if err := client.IgnoreAlreadyExists(admin.Create(ctx, role)); err != nil {
		return err
	}
	return bind(ctx, group, namespace, name)
}

// bind gives a ClusterRole to a group, as grant does.
func bind(ctx context.Context, group, namespace, role string) error {
	subjects := []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: group}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: strings.NewReplacer(":", "-").Replace(group + "-" + role)}
	var binding client.Object = &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}
	if namespace == "" {
		binding = &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}
	}
	return client.IgnoreAlreadyExists(admin.Create(ctx, binding))
}

// newNamespace is a namespace of the test's own.
func newNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	must(t, admin.Create(context.Background(), ns))
	return ns.Name
}

// appInstance is one whose spec is given as YAML.
func appInstance(namespace, name, spec string) *unstructured.Unstructured {
	return object("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {namespace: " + namespace + ", name: " + name + "}\nspec: " + spec)
}

// object is one given as YAML.
func object(text string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		panic(err)
	}
	return o
}

// apply sends an object as the operator and kubectl do.
func apply(c client.Client, o *unstructured.Unstructured, owner string) error {
	return c.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner(owner), client.ForceOwnership)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustRefuse wants a refusal by a policy that says all of it.
func mustRefuse(t *testing.T, err error, policy string, says ...string) {
	t.Helper()
	if err == nil {
		t.Error("was let through")
		return
	}
	if !apierrors.IsForbidden(err) {
		t.Errorf("is refused as %s, not as forbidden: %v", apierrors.ReasonForError(err), err)
	}
	missing := slices.DeleteFunc(append([]string{"ValidatingAdmissionPolicy '" + policy + "'"}, says...), func(s string) bool {
		return strings.Contains(err.Error(), s)
	})
	if len(missing) > 0 {
		t.Errorf("is refused with %q, which does not say %q", err, missing)
	}
}
