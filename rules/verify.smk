# Takes what runs have written. Leaves nothing: it says what is damaged.


rule verify:
    """Compare every output with what was recorded when it was written; list what is damaged, and the remedy."""
    log:
        "logs/verify.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    shell:
        'python "$COVERSIM_SCRIPTS"/verify.py --results . 2> {log:q}'
