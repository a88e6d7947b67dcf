# shellcheck shell=bash
# pki.sh, sourced by cluster.sh: the cluster's certificates and the kubeconfig files that hold them.

# make_pki DIR ADDRESS...: a new authority in DIR, the API server's certificate for the addresses, and clients admin and kubelet.
make_pki() {
	local dir=$1 san="DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc" address
	shift
	for address in "$@"; do san+=",IP:$address"; done
	mkdir -p "$dir"
	chmod 700 "$dir"
	(
		cd "$dir"
		key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
		sign() { # sign NAME SUBJECT [EXTENSIONS]
			key "$1"
			openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
			openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" -extfile <(printf '%s\n' "${3:-extendedKeyUsage=clientAuth}")
		}
		key ca
		openssl req -x509 -new -key ca.key -subj /CN=flashpod-cluster -days 365 -out ca.crt
		key sa
		openssl ec -in sa.key -pubout -out sa.pub
		sign apiserver /CN=kube-apiserver "subjectAltName=$san"
		sign admin /O=system:masters/CN=admin
		sign kubelet "/O=system:nodes/CN=system:node:node1"
		kubeconfig admin
		kubeconfig kubelet
	) >/dev/null 2>"$dir/openssl.log" || {
		cat "$dir/openssl.log" >&2
		return 1
	}
}

# kubeconfig USER: USER.conf in the current folder, from ca.crt, USER.crt and USER.key.
kubeconfig() {
	cat >"$1.conf" <<-CONF
		apiVersion: v1
		kind: Config
		current-context: flashpod
		contexts: [{name: flashpod, context: {cluster: flashpod, user: $1}}]
		clusters: [{name: flashpod, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
		users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
	CONF
}
