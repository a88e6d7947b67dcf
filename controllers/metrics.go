package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	writesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashpod_operator_writes_total",
		Help: "Writes to the API server, by kind and verb; events and leases apart.",
	}, []string{"kind", "verb"})
	certificateEnd = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "flashpod_operator_certificate_not_after_timestamp_seconds",
		Help: "When the certificate of an AppInstance's spec.tls expires, in seconds since 1970.",
	}, []string{"namespace", "name"})
	upgradePending = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "flashpod_operator_upgrade_pending",
		Help: "1 for each AppInstance whose server waits to be restarted by an upgrade of the operator.",
	}, []string{"namespace", "name", "reason"})
	upgradeFailed = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "flashpod_operator_upgrade_failed",
		Help: "1 for each AppInstance whose server does not serve since an upgrade of the operator has restarted it: no other is restarted meanwhile.",
	}, []string{"namespace", "name"})
	sleeping = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "flashpod_operator_sleeping",
		Help: "1 for each AppInstance that sleeps since nobody was there.",
	}, []string{"namespace", "name"})
)

func init() {
	metrics.Registry.MustRegister(writesTotal, certificateEnd, upgradePending, upgradeFailed, sleeping)
}

// measure sets an instance's gauges.
func (r *Reconciler) measure(o *observed, p *plan) {
	l := prometheus.Labels{"namespace": o.instance.Namespace, "name": o.instance.Name}
	certificateEnd.DeletePartialMatch(l)
	if o.certificate != nil {
		if leaf, err := leafOf(o.certificate); err == nil {
			certificateEnd.With(l).Set(float64(leaf.NotAfter.Unix()))
		}
	}
	upgradePending.DeletePartialMatch(l)
	if p.upgrade.held() {
		upgradePending.WithLabelValues(o.instance.Namespace, o.instance.Name, p.upgrade.wait.reason).Set(1)
	}
	upgradeFailed.DeletePartialMatch(l)
	if upgradeHasFailed(o, p) {
		upgradeFailed.With(l).Set(1)
	}
	sleeping.DeletePartialMatch(l)
	if !o.asleep.IsZero() && !o.instance.Spec.Suspend {
		sleeping.With(l).Set(1)
	}
}

// upgradeHasFailed says whether an upgrade has restarted a server that does not
// serve since.
func upgradeHasFailed(o *observed, p *plan) bool {
	return p.upgrade.rolling && o.statefulSet != nil && o.statefulSet.Annotations[annotationRollout] != "" &&
		(originStalled(o.instance) || o.now.Sub(rolledAt(o.statefulSet)) > rolloutDeadline)
}

// forgetMetrics drops the gauges of an instance that is gone.
func forgetMetrics(key client.ObjectKey) {
	l := prometheus.Labels{"namespace": key.Namespace, "name": key.Name}
	for _, g := range []*prometheus.GaugeVec{certificateEnd, upgradePending, upgradeFailed, sleeping} {
		g.DeletePartialMatch(l)
	}
}
