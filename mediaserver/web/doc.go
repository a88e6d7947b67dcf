// Package web is what the media server says over HTTP: health, readiness and
// metrics. Its port is for operators and Prometheus; no LoadBalancer publishes
// it. It reads, and never changes anything.
package web
