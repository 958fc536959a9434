# What the checks in the guests have in common.
failed=0

# check NAME CODE COMMAND...: the exit code must be this; the output stays in /tmp/out and /tmp/err.
check() {
    name=$1 code=$2
    shift 2
    "$@" >/tmp/out 2>/tmp/err
    rc=$?
    if [ $rc = "$code" ]; then
        echo "ok $name"
    else
        echo "FAILED $name: exit code $rc, not $code"
        cat /tmp/out /tmp/err
        failed=1
    fi
}

# says NAME TEXT...: all of these were in the output.
says() {
    name=$1
    shift
    for text; do
        if ! cat /tmp/out /tmp/err | grep -qF -e "$text"; then
            echo "FAILED $name: no $text"
            cat /tmp/out /tmp/err
            failed=1
            return
        fi
    done
    echo "ok $name"
}

# says_one NAME TEXT...: one of these was in the output.
says_one() {
    name=$1
    shift
    for text; do
        if cat /tmp/out /tmp/err | grep -qF -e "$text"; then
            echo "ok $name"
            return
        fi
    done
    echo "FAILED $name: none of $*"
    cat /tmp/out /tmp/err
    failed=1
}

# lacks NAME TEXT: this was not in the output.
lacks() {
    if cat /tmp/out /tmp/err | grep -qF -e "$2"; then
        echo "FAILED $1"
        cat /tmp/out /tmp/err
        failed=1
    else
        echo "ok $1"
    fi
}

pass='"status":"pass"'
fail='"status":"fail"'
