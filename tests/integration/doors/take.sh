sha256sum <"$1" >"$FAIRLEAD_OUTPUT_DIR/sum.txt"
