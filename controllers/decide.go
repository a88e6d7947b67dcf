package controllers

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
)

// child is an object to apply, and what our fields of it are now.
type child struct {
	name string // for errors: kind and name
	want runtime.ApplyConfiguration
	have func() (any, error) // nil: there is none, or its fields are not all ours
}

// desired builds all children: a pure function of what was observed.
func desired(o *observed) ([]child, error) {
	a := o.instance
	doc, err := document(a)
	if err != nil {
		return nil, err
	}
	image := o.image
	if a.Spec.Image != "" {
		image = a.Spec.Image
	}
	set, err := statefulSet(a, image, doc, templateSize(o.statefulSet))
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", a.Namespace, a.Name, err)
	}
	all := []child{
		{"ServiceAccount " + a.Name, serviceAccount(a), extractServiceAccount(o.serviceAccount)},
		{"ConfigMap " + configName(a), configMap(a, doc), extractConfigMap(o.configMap)},
	}
	var key map[string][]byte
	if o.secret != nil {
		key = o.secret.Data
	}
	if s := secret(a, key, o.freshKey); s != nil {
		all = append(all, child{"Secret " + keyName(a), s, extractSecret(o.secret)})
	}
	all = append(all,
		child{"Service " + serviceName(a), service(a), extractService(o.service)},
		child{"Service " + headlessName(a), headless(a), extractService(o.headless)},
		child{"StatefulSet " + a.Name, set, extractStatefulSet(o.statefulSet)},
	)
	if c := volumeClaim(a, o.claim); c != nil {
		all = append(all, child{"PersistentVolumeClaim " + claimName(a), c, nil})
	}
	return all, nil
}
