# Sourced. Fetches one package of the npm registry as it is, without running anything of it.

say() { echo "setup: $*" >&2; }

# npm_package NAME VERSION INTEGRITY FOLDER: puts NAME-VERSION.tgz into FOLDER and prints its path. INTEGRITY is the sha512
# that the registry states (Subresource Integrity). Returns 1, with a message, where it cannot be had or is another.
npm_package() {
  local name=$1 version=$2 integrity=$3 folder=$4
  local file=$folder/$name-$version.tgz registry=https://registry.npmjs.org/ got
  if command -v npm >/dev/null; then
    (cd "$folder" && npm pack --silent "$name@$version" >/dev/null 2>&1) || true
    registry=$(npm config get registry 2>/dev/null || echo "$registry")
  fi
  if [ ! -f "$file" ] && ! curl -fsSL --retry 3 -o "$file" "${registry%/}/$name/-/$name-$version.tgz"; then
    say "could not fetch $name $version from the npm registry"
    return 1
  fi
  got=sha512-$(openssl dgst -sha512 -binary "$file" | base64 -w0)
  if [ "$got" != "$integrity" ]; then
    say "$name $version: expected $integrity, got $got"
    return 1
  fi
  echo "$file"
}
