//go:build envtest

package controllers

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Tokens are made once; what a user writes into their Secret stays, and one that is taken
// out, or deleted with the Secret, is made again. None of it restarts the server.
func TestTokensOfTheConsole(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.add("{application: a}")
	w.serve()
	w.settle()
	tokens := func() *corev1.Secret { return read(w, "lobby-console", &corev1.Secret{}) }
	first := tokens()
	if a, v := string(first.Data["admin"]), string(first.Data["viewer"]); len(a) < 20 || len(v) < 20 || a == v {
		t.Errorf("%d and %d characters, the same: %v", len(a), len(v), a == v)
	}
	if _, marked := first.Labels[labelPublishKey]; marked || !metav1.IsControlledBy(first, w.instance()) {
		t.Errorf("labels %v, owners %v", first.Labels, first.OwnerReferences)
	}
	uid := read(w, "lobby-0", &corev1.Pod{}).UID
	w.patch(&corev1.Secret{}, "lobby-console", `{"stringData":{"admin":"a-token-of-my-own-for-admins"},"data":{"viewer":null}}`, "kubectl")
	w.settle()
	now := tokens()
	if string(now.Data["admin"]) != "a-token-of-my-own-for-admins" || len(now.Data["viewer"]) < 20 {
		t.Errorf("after an edit %d entries, viewer of %d bytes", len(now.Data), len(now.Data["viewer"]))
	}
	w.must(w.Client.Delete(ctx, now))
	w.settle()
	if again := tokens(); string(again.Data["admin"]) == "a-token-of-my-own-for-admins" || len(again.Data["admin"]) < 20 {
		t.Error("after it was deleted there is no other token")
	}
	if w.told("KeyRenewed") {
		t.Error("an event tells of another publish key")
	}
	*w.writes = 0
	w.reconcile()
	if *w.writes != 0 || read(w, "lobby-0", &corev1.Pod{}).UID != uid {
		t.Errorf("%d writes where nothing had changed, or the server restarts", *w.writes)
	}

	// Of another owner.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Console = &v1alpha1.Console{Mode: v1alpha1.ConsoleNone} })
	w.settle()
	w.must(w.Client.Delete(ctx, tokens()))
	w.must(w.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lobby-console"}}, client.FieldOwner("somebody")))
	w.settle()
	if meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionNameConflict) != nil {
		t.Error("it is in the way where no console is wanted")
	}
}
