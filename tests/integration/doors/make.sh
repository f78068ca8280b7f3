# 24 MiB that a capture would show, each line another one.
seq -f "PRODUCT-BYTES %017.0f" 786432 >"$FAIRLEAD_OUTPUT_DIR/big.txt"
echo "granted to nobody" >"$FAIRLEAD_OUTPUT_DIR/secret.txt"
