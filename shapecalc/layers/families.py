"""The names of the layer kinds of each family, written by `pytest --renew tests/layers/test_families.py`.

With it the family of a name is found without loading the others. Each line is one kind: its name and also-names, as
`normalise_word` writes them.
"""

__all__ = ["FAMILIES"]

FAMILIES = {
    "activation": """
        abs absolute
        activation
        alphadropout dropout dropout1d dropout2d dropout3d featurealphadropout gaussiandropout spatialdropout1d
        spatialdropout2d spatialdropout3d
        celu
        clamp clip hardtanh
        elu
        exp exponential
        gelu gelu10 geluaccurate gelufast gelupython gelupythontanh gelupytorchtanh
        gelunew
        glu
        hardshrink
        hardsigmoid
        hardsilu hardswish
        identity noop passthrough
        laplace
        leakyrelu
        logistic sigmoid
        logitsoftcapping softcap
        logsigmoid
        logsoftmax
        mish
        parametricrelu prelu
        quickgelu
        rectifiedlinear relu
        relu2 squaredrelu
        relu6
        rrelu
        selu
        silu swish
        softmax softmax1d softmax2d
        softmin
        softplus
        softshrink
        softsign
        sqrtsoftplus
        tanh
        tanhshrink
        threshold
    """,
    "attention": """
        crossattention groupedqueryattention mha multiheadattention selfattention
    """,
    "blocks": """
        feedforward ffn mlp positionwisefeedforward
        gatedfeedforward gatedmlp geglu swiglu
        patchembed patchembedding
        patchmerging
        se seblock squeezeandexcitation squeezeexcitation
        transformerdecoderlayer
        transformerencoderlayer
    """,
    "conv": """
        conv conv1d conv2d conv3d convolution
        depthwiseconv depthwiseconv1d depthwiseconv2d
        depthwiseseparableconv separableconv separableconv1d separableconv2d
        locallyconnected locallyconnected1d locallyconnected2d unsharedconv
    """,
    "conv_transposed": """
        conv1dtranspose conv2dtranspose conv3dtranspose convtranspose convtranspose1d convtranspose2d convtranspose3d
        deconv deconvolution transposedconv upconv
    """,
    "disentangled_attention": """
        disentangledattention disentangledselfattention
    """,
    "einsum": """
        einsum
        einsumdense
    """,
    "embedding": """
        classtoken clstoken prefixtokens
        constant constantofshape constanttensor
        embedding
        learnedparameter parameter
        learnedpositionembedding positionalembedding positionembedding
        masktoken
        positionalencoding sinusoidalembedding sinusoidalpositionembedding
        rope rotaryembedding rotarypositionembedding
        unusedparameter
    """,
    "experts": """
        experts routedexperts
        mixtureofexperts moe sparsemoe
    """,
    "indexing": """
        gather indexselect take
        narrow slice
        topk
    """,
    "latent_attention": """
        latentattention mla multiheadlatentattention
    """,
    "linear": """
        bilinear
        dense linear
        fc fullyconnected fullyconnectedlayer innerproduct
        groupedlinear groupedmm
    """,
    "loss": """
        accuracy
        loss
    """,
    "merge": """
        add addition sumof
        average
        cat concat concatenate
        div divide
        maximum
        minimum
        mul multiply product
        sub subtract
    """,
    "norm": """
        batchnorm batchnorm1d batchnorm2d batchnorm3d batchnormalisation batchnormalization bn syncbatchnorm
        featurenormalization normalization
        groupnorm groupnormalization
        instancenorm instancenorm1d instancenorm2d instancenorm3d instancenormalization
        layernorm layernormalisation layernormalization ln
        rmslayernorm rmsnorm rmsnormalization
    """,
    "opaque": """
        namedoperation
        opaque
    """,
    "pad": """
        centercrop centrecrop crop cropping cropping1d cropping2d cropping3d
        circularpad circularpad1d circularpad2d circularpad3d
        constantpad constantpad1d constantpad2d constantpad3d pad padding zeropad zeropad1d zeropad2d zeropad3d
        zeropadding zeropadding1d zeropadding2d zeropadding3d
        reflectionpad reflectionpad1d reflectionpad2d reflectionpad3d reflectpad
        replicatepad replicationpad replicationpad1d replicationpad2d replicationpad3d
    """,
    "patches": """
        col2im fold
        deformableconv deformableconv2d deformconv deformconv2d
        gatherpatches
        im2col unfold
        maptotokens totokens
        tokenstomap tomap
    """,
    "pointwise": """
        elementwise pointwise
    """,
    "pool": """
        adaptiveaveragepool adaptiveaveragepooling1d adaptiveaveragepooling2d adaptiveaveragepooling3d adaptiveavgpool
        adaptiveavgpool1d adaptiveavgpool2d adaptiveavgpool3d
        adaptivemaxpool adaptivemaxpool1d adaptivemaxpool2d adaptivemaxpool3d adaptivemaxpooling1d
        adaptivemaxpooling2d adaptivemaxpooling3d
        averagepool averagepooling averagepooling1d averagepooling2d averagepooling3d avgpool avgpool1d avgpool2d
        avgpool3d meanpool
        fractionalmaxpool fractionalmaxpool2d fractionalmaxpool3d
        globalaveragepool globalaveragepooling globalaveragepooling1d globalaveragepooling2d globalaveragepooling3d
        globalavgpool globalavgpool1d globalavgpool2d globalavgpool3d
        globalmaxpool globalmaxpool1d globalmaxpool2d globalmaxpool3d globalmaxpooling globalmaxpooling1d
        globalmaxpooling2d globalmaxpooling3d
        lppool lppool1d lppool2d lppool3d
        maxpool maxpool1d maxpool2d maxpool3d maxpooling maxpooling1d maxpooling2d maxpooling3d
    """,
    "products": """
        batchmatmul matmul
        bmm
    """,
    "recurrent": """
        gru
        lstm
        rnn simplernn
    """,
    "recurrent_cells": """
        grucell
        lstmcell
        rnncell simplernncell
    """,
    "recurrent_loop": """
        recurrent recurrentlayer
    """,
    "recurrent_maps": """
        convlstm convlstm1d convlstm2d convlstm3d
    """,
    "reduction": """
        amax max reducemax
        amin min reducemin
        argmax
        argmin
        mean reducemean
        reduce
        reducesum sum
    """,
    "reshape": """
        expanddims unsqueeze
        flatten
        permute
        reshape view
        squeeze
        swapaxes transpose
        unflatten
    """,
    "resize": """
        channelshuffle
        depthtospace pixelshuffle subpixelconv
        focus pixelunshuffle spacetodepth
        interpolate resize upsample upsamplingbilinear2d upsamplingnearest2d
        upsampling upsampling1d upsampling2d upsampling3d
    """,
    "sampling": """
        defaultbox priorbox
        gridsample gridsampler
        maxunpool maxunpool1d maxunpool2d maxunpool3d maxunpooling
        roialign roipool roipooling
    """,
    "scaled_dot_product": """
        dotproductattention scaleddotproductattention sdpa
    """,
    "scaling": """
        addbias biasadd channelbias
        channelaffine channelscale layerscale scale
        crosschannelnormalization localresponsenorm localresponsenormalization lrn
        l2norm l2normalization l2normalize normalize unitnormalization
    """,
    "state_space": """
        gateddeltanet gateddeltarule
        mamba mambablock mambamixer
        mamba2 mamba2block mamba2mixer
    """,
    "tensors": """
        broadcastto expand
        chunk
        cyclicshift roll shift windowshift
        repeatvector
        split
        stack
        tile
    """,
    "vision": """
        droppath stochasticdepth
        relativepositionbias
        shiftedwindowattention
        windowdepartition windowreverse
        windowpartition
    """,
    "window_attention": """
        windowattention
    """,
}
