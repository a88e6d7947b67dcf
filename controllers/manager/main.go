// Command manager is the operator: it makes pods, Services and volumes of
// AppInstances. This package is its command line only; package controllers does
// the work.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/controllers"
	"flashpod.dev/flashpod/controllers/waker"
)

// version is set by the linker (-X main.version=…).
var version = "dev"

func main() {
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// flags are the command line.
type flags struct {
	image, metrics, health        string
	namespaces                    []string
	operatorNamespace, prometheus string
	grants, scaling, wake         string
	elect                         bool
	options                       controllers.Options
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "manager --media-image IMAGE",
		Short: "Flashpod's operator: makes media servers of AppInstances",
		Long: `Flashpod's operator: makes media servers of AppInstances.

It looks after all namespaces, or after those of --namespaces, and then needs
rights in those alone. What an AppInstance may ask of its pod is bounded by --allowed-images,
--allowed-priority-classes and --allowed-pod-annotations: patterns in which "*"
stands for any characters. None given, all is allowed.`,
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), f) },
	}
	l := cmd.Flags()
	l.SortFlags = false
	l.StringVar(&f.image, "media-image", os.Getenv("MEDIA_IMAGE"), "media server image of instances that name none (default: MEDIA_IMAGE)")
	l.StringSliceVar(&f.namespaces, "namespaces", nil, "namespaces to look after (default: all)")
	l.IntVar(&f.options.MaxConcurrentRollouts, "max-concurrent-rollouts", 1, "how many instances an upgrade of the operator restarts at a time")
	l.StringArrayVar(&f.options.Allowed.Images, "allowed-images", nil, "pattern of what spec.image may be; may be repeated")
	l.StringArrayVar(&f.options.Allowed.PriorityClasses, "allowed-priority-classes", nil, "pattern of what spec.priorityClassName may be; may be repeated")
	l.StringArrayVar(&f.options.Allowed.PodAnnotations, "allowed-pod-annotations", nil, "pattern of what keys spec.podAnnotations may have; may be repeated")
	l.StringVar(&f.operatorNamespace, "operator-namespace", defaultNamespace(), "where the operator's own pods are, which may reach the control port of media servers (default: POD_NAMESPACE, or flashpod-system)")
	l.Lookup("operator-namespace").DefValue = "" // the text says it
	l.StringVar(&f.prometheus, "prometheus-selector", labelPrometheus, "labels of the Prometheus pods that may reach the control port of media servers, such as a=b,c=d")
	l.BoolVar(&f.options.OpenShift, "openshift", false, "leave the users and groups of media servers to the cluster")
	l.StringVar(&f.grants, "gateway-namespaces-file", "", "file that says which namespaces the Flashpod gateway of --operator-namespace serves, with which hosts; read again when it changes (default: there is no gateway)")
	l.StringVar(&f.scaling, "gateway-autoscaling-file", "", "file that says how many pods the gateway has, with the fields of spec.edges.autoscaling; read again every 15 seconds (default, or while there is no such file: it is left as it is)")
	l.StringVar(&f.wake, "wake-address", ":8082", "where the Flashpod gateway asks for instances to be woken that sleep; nowhere without --gateway-namespaces-file")
	l.StringVar(&f.metrics, "metrics-address", ":8080", "where Prometheus metrics are served; 0 for nowhere")
	l.StringVar(&f.health, "health-address", ":8081", "where /healthz and /readyz are served")
	l.BoolVar(&f.elect, "leader-elect", false, "let one of several operators work at a time")
	cmd.AddCommand(routesCommand())
	return cmd
}

const labelPrometheus = "app.kubernetes.io/name=prometheus"

// defaultNamespace is that of the operator's own pod.
func defaultNamespace() string {
	if n := os.Getenv("POD_NAMESPACE"); n != "" {
		return n
	}
	return "flashpod-system"
}

// check completes the options, and names the flag that is wrong.
func (f *flags) check() error {
	if f.image == "" {
		return errors.New("no media image: set --media-image or MEDIA_IMAGE to the image of instances that name none")
	}
	if f.options.MaxConcurrentRollouts < 1 {
		return fmt.Errorf("--max-concurrent-rollouts %d: must be 1 or more", f.options.MaxConcurrentRollouts)
	}
	pods, err := labels.ConvertSelectorToLabelsMap(f.prometheus)
	if err != nil || len(pods) == 0 {
		return fmt.Errorf("--prometheus-selector %q: must be labels, such as %s", f.prometheus, labelPrometheus)
	}
	f.options.Namespaces = f.namespaces
	if f.grants != "" {
		f.options.Gateway = &controllers.Gateway{GrantsFile: f.grants, Namespace: f.operatorNamespace, ScalingFile: f.scaling}
	}
	f.options.Peers = controllers.Peers{OperatorNamespace: f.operatorNamespace, Prometheus: pods}
	return nil
}

func run(ctx context.Context, f flags) error {
	if err := f.check(); err != nil {
		return err
	}
	log := logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, nil))
	ctrl.SetLogger(log)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, gatewayv1.Install} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	m, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         controllers.CacheOptions(f.namespaces),
		Metrics:                       server.Options{BindAddress: f.metrics},
		HealthProbeBindAddress:        f.health,
		LeaderElection:                f.elect,
		LeaderElectionID:              "operator.media.flashpod.dev",
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	r := &controllers.Reconciler{
		Client: controllers.Recorded(m.GetClient()), APIReader: m.GetAPIReader(),
		Events: m.GetEventRecorder(controllers.FieldManager), MediaImage: f.image, Options: f.options,
	}
	if err := r.SetupWithManager(m); err != nil {
		return err
	}
	if g := f.options.Gateway; g != nil {
		if err := m.Add(manager.RunnableFunc(func(ctx context.Context) error {
			if _, err := g.Master(ctx, m.GetAPIReader(), m.GetClient()); err != nil {
				log.Error(err, "the gateway has no key yet") // it is asked for again for each instance
			}
			return nil
		})); err != nil {
			return err
		}
		if err := m.Add(manager.RunnableFunc(r.ScaleGateway)); err != nil {
			return err
		}
		if err := m.Add(&waker.Waker{
			Address: f.wake, Reader: m.GetClient(), Writer: m.GetClient(), Log: log,
			Master: func(ctx context.Context) ([]byte, error) { return g.Master(ctx, m.GetAPIReader(), m.GetClient()) },
		}); err != nil {
			return err
		}
	}
	if err := m.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := m.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	log.Info("starting", "version", version, "mediaImage", f.image, "namespaces", f.namespaces)
	return m.Start(ctx)
}
